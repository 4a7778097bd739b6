"""Eigendistortions do not run in the loop, but promise the same as the syntheses that do."""

import copy
import os
import pickle
import signal

import pytest
import torch

import metameric as mm
from metameric._core.errors import InputError


def make(dtype=torch.float32, batch=1, size=8, **options):
    image = torch.rand(batch, 1, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return mm.Eigendistortion(image.to(dtype), mm.remove_grad(mm.models.Gaussian((5, 5)).to(dtype)), **options)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("method", ["auto", "power"])
def test_what_was_found_comes_back(tmp_path, dtype, batch, method):
    found, loaded = make(dtype, batch), make(dtype, batch)
    found.synthesize(method, k=2, max_iter=60, progress=False)
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    for name in ("eigendistortions", "eigenvalues", "eigenindex"):
        assert torch.equal(getattr(loaded, name), getattr(found, name))
    assert torch.equal(loaded.thresholds, found.thresholds)
    assert loaded.result.status == found.result.status
    assert repr(loaded) == repr(found)


def test_nothing_is_done_again_after_loading(tmp_path):
    found, loaded = make(), make()
    found.synthesize(k=2, progress=False)
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    before = loaded.result.products
    loaded.synthesize(k=2, progress=False)
    assert loaded.result.products == before


def test_unfinished_search_can_be_finished(tmp_path):
    unfinished, loaded = make(), make()
    assert not unfinished.synthesize("power", max_iter=2, progress=False).converged
    unfinished.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    assert not loaded.result.converged
    assert loaded.synthesize(progress=False).converged


def test_jacobian_comes_back(tmp_path):
    found, loaded = make(), make()
    jacobian = found.compute_jacobian()
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    assert torch.equal(loaded.jacobian, jacobian)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": torch.ones(1, 8, 8)}, "mask: found None, expected a tensor"),
        ({"noise": 0.5}, r"noise_model: found None, expected 0\.5"),
        ({"size": 9}, "image: found shape"),
    ],
)
def test_other_questions_are_told_apart(tmp_path, options, message):
    found = make()
    found.synthesize(progress=False)
    found.save(tmp_path / "a")
    other = make(**options)
    before = dict(vars(other))
    with pytest.raises(ValueError, match=message):
        other.load(tmp_path / "a")
    assert vars(other) == before
    with pytest.raises(ValueError, match="make a new one"):
        found.load(tmp_path / "a")


def searching(counts=None, dtype=torch.float64):
    """A search large enough for many steps; the product with the Fisher information of a number in `counts` is hit."""
    model = mm.remove_grad(mm.models.OnOff(31, pretrained=True).to(dtype).eval())
    seen = []

    def count(gradient):
        seen.append(1)
        if len(seen) in (counts or ()):
            os.kill(os.getpid(), signal.SIGINT)

    def watched(x):
        response = model(x)
        if response.requires_grad:
            response.register_hook(count)
        return response

    return mm.Eigendistortion(mm.data.image("camera", size=36).to(dtype), watched)


OPTIONS = {"stop_criterion": 1e-8, "progress": False}


@pytest.fixture(scope="module")
def uninterrupted():
    found = searching()
    assert found.synthesize(**OPTIONS).converged
    return found


@pytest.mark.parametrize("product", [12, 30], ids=["at the upper end", "at the lower end"])
@pytest.mark.parametrize("by_file", [False, True])
def test_interrupted_search_keeps_what_it_has_and_ends_as_if_it_had_not_been(tmp_path, uninterrupted, product, by_file):
    handler = signal.getsignal(signal.SIGINT)
    found = searching([product])
    result = found.synthesize(**OPTIONS)
    assert signal.getsignal(signal.SIGINT) is handler
    assert "interrupted" in [str(s) for s in result.status[0]] and not result.converged
    rows = found.eigendistortions.flatten(1)
    torch.testing.assert_close((rows @ rows.T).diagonal(), torch.ones(2, dtype=torch.float64))
    spent = result.products[0]
    assert spent < uninterrupted.result.products[0]
    if by_file:
        found.save(tmp_path / "a")
        found = searching()
        found.load(tmp_path / "a")
        assert torch.equal(found.eigendistortions, result.stimulus[0])
    assert found.synthesize(**OPTIONS).converged
    assert torch.equal(found.eigendistortions, uninterrupted.eigendistortions)
    assert torch.equal(found.eigenvalues, uninterrupted.eigenvalues)


def test_a_search_in_pieces_through_files_equals_one_in_a_whole(tmp_path):
    whole, found = searching(), searching()
    whole.synthesize(max_iter=12, **OPTIONS)
    for piece in (5, 4, 3):
        assert not found.synthesize(max_iter=piece, **OPTIONS).converged
        found.save(tmp_path / "a")
        found = searching()
        found.load(tmp_path / "a")
    assert torch.equal(found.eigendistortions, whole.eigendistortions)
    assert torch.equal(found.result.residuals, whole.result.residuals)


def test_the_upper_end_alone_comes_back(tmp_path):
    found, loaded = make(), make()
    found.synthesize(ends="largest", k=3, progress=False)
    found.save(tmp_path / "a")
    loaded.load(tmp_path / "a")
    assert loaded.eigenindex.tolist() == [0, 1, 2] and torch.equal(loaded.eigenvalues, found.eigenvalues)


def test_same_choices_give_the_same_bits_and_global_random_state_is_left_alone(tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    a, b = searching(), searching()
    a.synthesize(max_iter=5, **OPTIONS)
    a.save(tmp_path / "a")
    searching().load(tmp_path / "a")
    repr(a)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    b.synthesize(max_iter=5, **OPTIONS)
    assert torch.equal(a.eigendistortions, b.eigendistortions)
    c = searching()
    c.synthesize(max_iter=5, seed=1, **OPTIONS)
    assert not torch.equal(a.eigendistortions, c.eigendistortions)


def test_the_same_where_gradients_are_off():
    a = searching()
    a.synthesize(max_iter=5, **OPTIONS)
    with torch.no_grad():
        b = searching()
        b.synthesize(max_iter=5, **OPTIONS)
    assert torch.equal(a.eigendistortions, b.eigendistortions)
    with torch.inference_mode(), pytest.raises(InputError, match=r"torch.inference_mode is on"):
        searching()


def test_repr_says_what_it_is_and_how_it_stands():
    found = make(batch=2)
    assert repr(found).startswith("Eigendistortion((2, 1, 8, 8), torch.float32, model=Gaussian)")
    result = found.synthesize(progress=False)
    assert result.method == "Eigendistortion" and result.summary() in repr(found)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("size", "ends"), [(8, "both"), (40, "largest")], ids=["exact", "subspace"])
def test_found_on_the_gpu_and_read_on_the_cpu(tmp_path, size, ends):
    here, there = make(torch.float64, size=size), make(torch.float64, size=size).to("cuda")
    here.synthesize(k=2, ends=ends, progress=False)
    assert there.synthesize(k=2, ends=ends, progress=False).converged and there.eigendistortions.is_cuda
    torch.testing.assert_close(there.eigenvalues.cpu(), here.eigenvalues, rtol=1e-8, atol=1e-9)
    there.save(tmp_path / "a")
    again = make(torch.float64, size=size)
    again.load(tmp_path / "a", map_location="cpu", tensor_equality_rtol=1e-4)
    assert torch.equal(again.eigendistortions, there.eigendistortions.cpu())


class Unlucky(torch.nn.Module):
    """A blur that fails, or is interrupted, when it is called or differentiated for the so-manieth time."""

    def __init__(self, fails_at, press=False):
        super().__init__()
        self.blur, self.fails_at, self.press = mm.remove_grad(mm.models.Gaussian((5, 5))), fails_at, press
        self.calls = 0

    def forward(self, x):
        response = self.blur(x)
        if response.requires_grad:
            response.register_hook(self.count)
        return response

    def count(self, gradient):
        self.calls += 1
        if self.calls == self.fails_at:
            if self.press:
                os.kill(os.getpid(), signal.SIGINT)
            else:
                raise ZeroDivisionError


def unlucky(batch, size, fails_at=None, press=False):
    image = torch.rand(batch, 1, size, size, generator=torch.Generator().manual_seed(0))
    found = mm.Eigendistortion(image, model := Unlucky(None, press))
    model.calls, model.fails_at = 0, fails_at
    return found


def test_an_error_loses_no_product(tmp_path):
    whole, found = unlucky(1, 40), unlucky(1, 40, 30)
    whole.synthesize(progress=False)
    with pytest.raises(ZeroDivisionError):
        found.synthesize(progress=False)
    found.save(tmp_path / "a")
    loaded = unlucky(1, 40)
    loaded.load(tmp_path / "a")
    for again in (found, loaded):
        assert again.eigendistortions is None
        again._model.calls, again._model.fails_at = 0, None
        assert again.synthesize(progress=False).converged
        assert again._model.calls < whole._model.calls - 15
        assert torch.equal(again.eigendistortions, whole.eigendistortions)


@pytest.mark.parametrize(("press", "error"), [(False, ZeroDivisionError), (True, KeyboardInterrupt)])
def test_what_was_found_of_one_stimulus_survives_another(press, error):
    found, whole = unlucky(3, 8), unlucky(3, 8)
    whole.synthesize(progress=False)
    found._model.fails_at, found._model.press = whole._model.calls // 2, press
    with pytest.raises(error):
        found.synthesize(progress=False)
    with pytest.raises(ValueError, match="of 1 of 3 stimuli only"):
        found.summary()
    first = found._found[0]
    assert found.synthesize(progress=False).converged
    assert found._found[0] is first
    assert torch.equal(found.eigendistortions, whole.eigendistortions)


@pytest.mark.parametrize(
    "options",
    [
        {"k": 40},
        {"method": "randomized_svd", "p": -1},
        {"method": "randomized_svd", "q": -1},
    ],
)
def test_options_that_are_refused_change_nothing(options):
    found = make()
    found.synthesize(progress=False)
    before = found.eigendistortions
    with pytest.raises(InputError, match="expected"):
        found.synthesize(**options, progress=False)
    assert torch.equal(found.eigendistortions, before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_unfinished_searches_can_be_copied_and_go_on(copied):
    found = unlucky(1, 40)
    assert not found.synthesize(max_iter=5, progress=False).converged
    other = copied(found)
    assert torch.equal(found.synthesize(progress=False).stimulus, other.synthesize(progress=False).stimulus)
