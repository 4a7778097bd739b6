"""What every synthesis class promises besides its answer."""

import pytest
import torch

from metameric._core.errors import InputError
from metameric._solve._status import Status


def test_same_choices_give_the_same_bits(case, identical):
    a, b = case.new(), case.new()
    case.run(a, 8)
    torch.rand(3)  # what others draw in between is of no importance
    case.run(b, 8)
    identical(a, b)


def test_the_same_where_gradients_are_off(case, identical):
    a = case.new()
    case.run(a, 5)
    with torch.no_grad():
        b = case.new()
        case.run(b, 5)
        assert not torch.is_grad_enabled()
    identical(a, b)


def test_inference_mode_is_refused(case):
    with (
        torch.inference_mode(),
        pytest.raises(InputError, match=r"torch.inference_mode is on.*works under torch.no_grad"),
    ):
        case.new()
    begun = case.new()
    with torch.inference_mode(), pytest.raises(InputError, match=r"torch.inference_mode is on"):
        case.run(begun, 1)


def test_global_random_state_is_left_alone(case, tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    synthesis = case.new()
    case.run(synthesis, 3)
    synthesis.save(tmp_path / "a")
    case.make(torch.float32).load(tmp_path / "a")
    synthesis.summary()
    assert torch.equal(torch.get_rng_state(), before)


def test_dtype_is_kept_and_can_be_changed_on_the_way(case, tmp_path):
    synthesis = case.new(torch.float64)
    case.run(synthesis, 4)
    assert case.answer(synthesis).dtype == torch.float64
    synthesis.save(tmp_path / "double")
    again = case.make(torch.float64)
    again.load(tmp_path / "double")
    assert case.answer(again).dtype == torch.float64

    narrowed = case.new(torch.float64)
    case.run(narrowed, 4)
    wide = case.answer(narrowed)
    assert narrowed.to(torch.float32) is narrowed
    assert torch.equal(case.answer(narrowed), wide.float())
    assert narrowed.run.iteration == 4
    case.run(narrowed, 4)
    assert case.answer(narrowed).dtype == torch.float32
    assert all(not v.is_floating_point() or v.dtype == torch.float32 for v in _tensors(narrowed))
    assert float(narrowed.losses[-1]) <= float(narrowed.losses[4]) + 1e-6


def _tensors(synthesis):
    held = [v for v in vars(synthesis).values() if isinstance(v, torch.Tensor)]
    return [*held, synthesis.run.x, synthesis.run.point.gradient, *(synthesis.run.trace[n] for n in ("total", "step"))]


def test_moving_nowhere_changes_nothing(case, identical):
    moved, left = case.new(), case.new()
    for synthesis in (moved, left):
        case.run(synthesis, 5)
    moved.to("cpu").to(torch.float32)
    for synthesis in (moved, left):
        case.run(synthesis, 5)
    identical(moved, left)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_saved_on_the_gpu_continues_on_the_cpu(case, tmp_path):
    synthesis = case.make(torch.float64).to("cuda")
    case.setup(synthesis)
    case.run(synthesis, 4)
    synthesis.save(tmp_path / "gpu")
    here = case.make(torch.float64)
    here.load(tmp_path / "gpu", map_location="cpu", tensor_equality_rtol=1e-4)
    assert torch.equal(case.answer(here), case.answer(synthesis).cpu())
    case.run(here, 4)
    back = case.make(torch.float64).to("cuda")
    back.load(tmp_path / "gpu")
    assert case.answer(back).is_cuda
    case.run(back, 4)


def test_repr_says_what_it_is_and_how_it_stands(case):
    synthesis = case.new()
    text = repr(synthesis)
    assert text.startswith(f"{type(synthesis).__name__}(")
    for name in synthesis._settings():
        assert f"{name} = " in text
    assert "status" not in text
    case.run(synthesis, 2)
    assert "after 2 iterations" in repr(synthesis)


def test_result_is_a_value(case):
    synthesis = case.new()
    result = case.run(synthesis, 3)
    assert result.method == type(synthesis).__name__
    assert all(isinstance(status, Status) for status in result.status)
    assert torch.equal(result.stimulus, case.answer(synthesis))
    assert "iterations" in result.summary()


def test_ends_apart_do_end_apart(cases):
    case = cases["Metamer-three-that-end-apart"]
    synthesis = case.new()
    result = case.run(synthesis, case.iterations)
    moving = (synthesis.run.trace["step"] > 0).sum(0).tolist()
    assert len(set(moving)) == 3
    assert {Status.CONVERGED, Status.STALLED} <= set(result.status)
