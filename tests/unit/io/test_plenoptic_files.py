"""Files that plenoptic has really written, read and gone on with. They are made here, none is stored."""

import contextlib
import io
import warnings

import pytest
import torch
from torch import nn

import metameric as mm
from metameric._core.errors import FileError
from metameric._solve._status import Status
from metameric._solve._stop import Never
from metameric.io._plenoptic_optim import saved_solver

po = pytest.importorskip("plenoptic")
pytestmark = pytest.mark.filterwarnings("ignore")


class Blurred(nn.Module):
    """The same model for both libraries."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", torch.tensor([[[[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]]]) / 16)

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel, padding=1) + 0.1 * x


class Scaled(Blurred):
    """A model with scales."""

    scales = ("coarse", "fine")

    def forward(self, x, scales=None):
        parts = {"coarse": super().forward(x).mean((2, 3)), "fine": super().forward(x).flatten(2).mean(1)}
        return torch.cat([parts[scale].flatten(1) for scale in scales or self.scales], 1)


def distance(x, y):
    return ((x.mean((2, 3)) - y.mean((2, 3))) ** 2).mean() + 0.1 * ((x - y) ** 4).mean()


def mean_square(x, y):
    return ((x - y) ** 2).mean()


def image(n=1):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """plenoptic draws bars, and moves the global random state."""
    with contextlib.redirect_stderr(io.StringIO()), torch.random.fork_rng(), warnings.catch_warnings():
        torch.manual_seed(0)
        yield


OPTIMIZERS = {
    "Adam": {},
    "Adam-StepLR": {
        "scheduler": torch.optim.lr_scheduler.StepLR,
        "scheduler_kwargs": {"step_size": 3, "gamma": 0.5},
    },
    "Adam-ReduceLROnPlateau": {
        "scheduler": torch.optim.lr_scheduler.ReduceLROnPlateau,
        "scheduler_kwargs": {"patience": 1, "threshold": 0.5},
    },
    "LBFGS": {"optimizer": torch.optim.LBFGS, "optimizer_kwargs": {"max_iter": 2, "history_size": 3, "lr": 0.1}},
}


def plenoptic_metamer(n, batch=1, **setup):
    metamer = po.Metamer(image(batch), Blurred().eval())
    metamer.setup(**setup)
    metamer.synthesize(n, store_progress=2)
    return metamer


@pytest.mark.parametrize("setup", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_metamer_goes_on_as_it_would_have_there(tmp_path, setup):
    torch.manual_seed(1)
    there = plenoptic_metamer(6, **setup)
    there.save(str(tmp_path / "a.pt"))
    here = mm.Metamer(image(), Blurred())
    here.load(tmp_path / "a.pt")
    assert torch.equal(here.metamer, there.metamer.detach())
    for name in ("losses", "penalties", "gradient_norm", "pixel_change_norm"):
        assert torch.allclose(getattr(here, name), torch.as_tensor(getattr(there, name)), rtol=1e-6, atol=1e-10), name
    assert torch.equal(here.saved_metamer, torch.as_tensor(there.saved_metamer))
    assert here.result.status == [Status.STEP_LIMIT]

    there.synthesize(6, store_progress=2)
    here.synthesize(6, store_progress=2, stop=Never(), progress=False)
    assert torch.allclose(here.metamer, there.metamer.detach(), atol=1e-5)
    assert torch.allclose(here.losses, torch.as_tensor(there.losses), rtol=1e-4, atol=1e-8)
    assert here.saved_metamer.shape == there.saved_metamer.shape
    # And then it is one of ours.
    here.save(tmp_path / "ours")
    again = mm.Metamer(image(), Blurred())
    again.load(tmp_path / "ours")
    assert torch.equal(again.metamer, here.metamer)


def test_an_optimizer_is_made_with_the_rate_that_it_began_with(tmp_path):
    plenoptic_metamer(6, **OPTIMIZERS["Adam-StepLR"]).save(str(tmp_path / "a.pt"))
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    begun = content["_optimizer"][1]["param_groups"][0]["initial_lr"]
    solver = saved_solver(content)
    assert solver.optimizer_kwargs["lr"] == begun > content["_optimizer"][1]["param_groups"][0]["lr"]
    assert solver.scheduler_kwargs == OPTIMIZERS["Adam-StepLR"]["scheduler_kwargs"]


def test_a_batch_is_read_whole(tmp_path):
    there = plenoptic_metamer(5, batch=3)
    there.save(str(tmp_path / "a.pt"))
    here = mm.Metamer(image(3), Blurred())
    here.load(tmp_path / "a.pt")
    assert torch.equal(here.metamer, there.metamer.detach())
    for name in ("losses", "penalties", "gradient_norm", "pixel_change_norm"):
        assert torch.allclose(getattr(here, name), torch.as_tensor(getattr(there, name)), rtol=1e-5), name
    # One evaluation at every point, as far as plenoptic's files tell.
    assert here.run.trace["evaluations"].tolist() == [[i + 1] * 3 for i in range(6)]
    assert here.run.counts.tolist() == [6] * 3
    here.synthesize(3, store_progress=2, stop=Never(), progress=False)
    assert here.run.iteration == 8


def test_memory_of_a_whole_batch_cannot_be_divided(tmp_path):
    there = plenoptic_metamer(4, batch=2, **OPTIMIZERS["LBFGS"])
    there.save(str(tmp_path / "a.pt"))
    here = mm.Metamer(image(2), Blurred())
    with pytest.warns(mm.io.LoadWarning, match="took the batch of 2 for one problem"):
        here.load(tmp_path / "a.pt")
    assert torch.equal(here.metamer, there.metamer.detach())
    before = float(here.losses[-1])
    here.synthesize(4, store_progress=2, stop=Never(), progress=False)
    assert float(here.losses[-1]) < before


def test_not_yet_synthesized(tmp_path):
    po.Metamer(image(), Blurred().eval()).save(str(tmp_path / "a.pt"))
    here = mm.Metamer(image(), Blurred())
    here.load(tmp_path / "a.pt")
    here.setup(seed=0)
    here.synthesize(2, progress=False)


def test_scheduler_with_functions_must_be_given_again(tmp_path):
    setup = {"scheduler": torch.optim.lr_scheduler.LambdaLR, "scheduler_kwargs": {"lr_lambda": lambda i: 0.8**i}}
    there = plenoptic_metamer(4, **setup)
    there.save(str(tmp_path / "a.pt"))
    here = mm.Metamer(image(), Blurred())
    here.load(tmp_path / "a.pt")
    with pytest.raises(RuntimeError, match="LambdaLR"):
        here.synthesize(1, store_progress=2, progress=False)
    here.setup(optimizer=torch.optim.Adam, **setup)
    there.synthesize(4, store_progress=2)
    here.synthesize(4, store_progress=2, stop=Never(), progress=False)
    assert torch.allclose(here.metamer, there.metamer.detach(), atol=1e-5)


def test_files_from_before_the_penalty(tmp_path):
    """plenoptic 1.2 and 1.3: other names, a range in place of a penalty, no record of it."""
    plenoptic_metamer(4).save(str(tmp_path / "new.pt"))
    content = torch.load(tmp_path / "new.pt", weights_only=True)
    content["save_metadata"]["synthesis_object"] = "plenoptic.synthesize.metamer.Metamer"
    content["loss_function"] = content.pop("_loss_function")
    content |= {"_allowed_range": (0, 1), "_range_penalty_lambda": content.pop("_penalty_lambda")}
    for name in ("_penalty_function", "_penalties", "_current_penalty", "_current_loss"):
        del content[name]
    torch.save(content, tmp_path / "old.pt")
    here = mm.Metamer(image(), Blurred())
    here.load(tmp_path / "old.pt")
    assert torch.equal(here.metamer, content["_metamer"].detach())
    assert torch.isfinite(here.losses).all()
    assert torch.isnan(here.penalties[:-1]).all()
    with pytest.raises(FileError, match="penalty_lambda"):
        mm.Metamer(image(), Blurred(), penalty_lambda=0.3).load(tmp_path / "old.pt")


def test_metamer_ctf(tmp_path):
    there = po.MetamerCTF(image(), Scaled().eval(), coarse_to_fine="separate")
    there.setup()
    there.synthesize(5, change_scale_criterion=None, ctf_iters_to_check=2, store_progress=True)
    there.save(str(tmp_path / "a.pt"))
    here = mm.MetamerCTF(image(), Scaled(), coarse_to_fine="separate")
    here.load(tmp_path / "a.pt")
    assert torch.equal(here.metamer, there.metamer.detach())
    assert list(here.scales) == list(there.scales)
    assert list(here.scales_finished) == list(there.scales_finished)
    assert torch.allclose(here.losses, torch.as_tensor(there.losses), rtol=1e-6)
    assert here.scales_timing["coarse"] == list(there.scales_timing["coarse"])
    here.synthesize(6, True, change_scale_criterion=None, ctf_iters_to_check=2, stop=Never(), progress=False)
    assert list(here.scales) == ["all"]
    here.save(tmp_path / "ours")
    again = mm.MetamerCTF(image(), Scaled(), coarse_to_fine="separate")
    again.load(tmp_path / "ours")
    assert torch.equal(again.losses, here.losses)
    with pytest.raises(FileError, match="coarse_to_fine: found 'separate', expected 'together'"):
        mm.MetamerCTF(image(), Scaled()).load(tmp_path / "a.pt")


def test_textures_agree_up_to_the_masks_that_plenoptic_samples(tmp_path):
    options = {"n_scales": 2, "spatial_corr_width": 3}
    picture = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    there = po.MetamerCTF(picture, po.models.PortillaSimoncelli((32, 32), **options).eval())
    there.setup()
    there.synthesize(8, change_scale_criterion=None, ctf_iters_to_check=2)
    there.save(str(tmp_path / "a.pt"))
    here = mm.MetamerCTF(picture, mm.models.PortillaSimoncelli((32, 32), **options).eval())
    here.load(tmp_path / "a.pt")
    assert torch.equal(here.metamer, there.metamer.detach())
    here.synthesize(3, change_scale_criterion=None, ctf_iters_to_check=2, stop=Never(), progress=False)
    assert len(here.losses) == 12
    other = mm.MetamerCTF(picture + 1e-3, mm.models.PortillaSimoncelli((32, 32), **options).eval())
    with pytest.raises(FileError, match=r"image: the values differ by up to 0\.001"):
        other.load(tmp_path / "a.pt")


def test_mad_competition(tmp_path):
    def options(**more):
        return {"minmax": "max", "metric_tradeoff_lambda": 0.5, **more}

    there = po.MADCompetition(image(), distance, mean_square, **options())
    there.setup(0.05)
    there.synthesize(5, store_progress=True)
    there.save(str(tmp_path / "a.pt"))
    here = mm.MADCompetition(image(), distance, mean_square, **options())
    here.load(tmp_path / "a.pt")
    assert torch.equal(here.mad_image, there.mad_image.detach())
    assert torch.equal(here.initial_image, there.initial_image.detach())
    for name in ("losses", "optimized_metric_loss", "reference_metric_loss", "penalties"):
        assert torch.allclose(getattr(here, name), torch.as_tensor(getattr(there, name)), rtol=1e-5), name
    there.synthesize(5, store_progress=True)
    here.synthesize(5, store_progress=True, stop=Never(), progress=False)
    assert torch.allclose(here.mad_image, there.mad_image.detach(), atol=1e-5)
    with pytest.raises(FileError, match="minmax: found 'max', expected 'min'"):
        mm.MADCompetition(image(), distance, mean_square, **options(minmax="min")).load(tmp_path / "a.pt")


def test_eigendistortion(tmp_path):
    there = po.Eigendistortion(image(), Blurred().eval())
    there.synthesize(method="exact")
    there.save(str(tmp_path / "a.pt"))
    here = mm.Eigendistortion(image(), Blurred())
    here.load(tmp_path / "a.pt")
    assert torch.equal(here.eigenvalues, there.eigenvalues)
    assert torch.equal(here.eigendistortions, there.eigendistortions)
    assert torch.equal(here.eigenindex, there.eigenindex)
    assert here.result.converged
    unfinished = po.Eigendistortion(image(), Blurred().eval())
    unfinished.synthesize(method="power", max_iter=3)
    unfinished.save(str(tmp_path / "b.pt"))
    here = mm.Eigendistortion(image(), Blurred())
    here.load(tmp_path / "b.pt")
    assert not here.result.converged
    assert here.synthesize(progress=False).converged
    with pytest.raises(FileError, match="image: the values differ"):
        mm.Eigendistortion(image() / 2, Blurred()).load(tmp_path / "b.pt")


def test_what_does_not_fit_is_named(tmp_path):
    plenoptic_metamer(2).save(str(tmp_path / "a.pt"))

    class Other(Blurred):
        def forward(self, x):
            return 2 * super().forward(x)

    with pytest.raises(FileError, match="model: found Blurred, expected Other"):
        mm.Metamer(image(), Other()).load(tmp_path / "a.pt")
    with pytest.raises(FileError, match="loss_function: found mse, expected l2_norm"):
        mm.Metamer(image(), Blurred(), mm.loss.l2_norm).load(tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"image: found shape \(1, 1, 8, 8\), expected \(2, 1, 8, 8\)"):
        mm.Metamer(image(2), Blurred()).load(tmp_path / "a.pt")
    with pytest.raises(FileError, match="class: found Metamer, expected Eigendistortion"):
        mm.Eigendistortion(image(), Blurred()).load(tmp_path / "a.pt")


def test_examine(tmp_path, capsys):
    plenoptic_metamer(2).save(str(tmp_path / "a.pt"))
    mm.io.examine_saved_synthesis(tmp_path / "a.pt", map_location="cpu")
    shown = capsys.readouterr().out
    assert "class     : plenoptic.Metamer" in shown
    assert f"plenoptic : {po.__version__}" in shown
    assert "Blurred" in shown
    assert "float32, shape (1, 1, 8, 8)" in shown
