"""What models and penalties are asked, so that a file can tell whether they are the same."""

import pytest
import torch

from metameric.io._fingerprint import fingerprints


def test_behaviour_is_seen_over_the_range_of_the_reference_and_that_of_penalties_beyond_it():
    seen = {}

    def watched(name):
        def function(x, *_):
            seen[name] = x
            return x.sum(1)

        return function

    # Of 1000 uniform numbers, the least and the largest are within a fiftieth of the ends of their range.
    reference = torch.linspace(-50, 200, 1000)[None]
    settings = {"image": reference, "model": watched("model"), "penalty_function": watched("penalty")}
    found = fingerprints(settings, {})
    assert -50 <= seen["model"].min() < -45 and 195 < seen["model"].max() <= 200
    assert -300 <= seen["penalty"].min() < -285 and 435 < seen["penalty"].max() <= 450
    torch.testing.assert_close(found["model"]["value"], seen["model"].sum(1))


def test_behaviour_is_seen_over_pixels_from_0_to_1_where_the_reference_is_within_them():
    seen = []
    fingerprints({"image": torch.full((1, 1000), 0.5), "model": lambda x: seen.append(x) or x}, {})
    assert 0 <= seen[0].min() < 0.02 and 0.98 < seen[0].max() <= 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_stimuli_asked_stay_what_they_are_since_files_hold_the_answers(dtype):
    found = fingerprints({"image": torch.zeros(1, 3, dtype=dtype), "model": lambda x: x}, {})
    expected = torch.tensor([[0.9701, 0.7078, 0.4594]], dtype=dtype)
    torch.testing.assert_close(found["model"]["value"], expected, rtol=0, atol=1e-4)
