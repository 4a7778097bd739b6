import pytest
import torch

import metameric as mm
from metameric._core.errors import FileError
from metameric.io import examine_saved_synthesis


def test_tells_what_is_in_a_file(tmp_path, capsys):
    metamer = mm.Metamer(torch.rand(1, 6), mm.problems.LinearModel.random(3, 6), penalty_lambda=0.25)
    metamer.setup(optimizer=torch.optim.Adam, optimizer_kwargs={"lr": 0.03}, seed=11)
    metamer.synthesize(3, progress=False, store_progress=1)
    metamer.save(tmp_path / "a")
    assert examine_saved_synthesis(tmp_path / "a") is None
    lines = {a.strip(): b.strip() for a, _, b in (x.partition(" : ") for x in capsys.readouterr().out.splitlines())}
    assert lines["class"] == "Metamer"
    assert f"installed: {mm.__version__}" in lines["metameric"]
    assert lines["model"] == "metameric.problems.LinearModel"
    assert lines["loss_function"].endswith(".mse")
    assert lines["run.x"] == "float32, shape (1, 6)"
    assert lines["snapshots.images"] == "float32, shape (4, 1, 6)"
    assert lines["settings.penalty_lambda"] == "0.25"
    assert lines["attributes._seeds"] == "[11]"
    assert lines["attributes._solver"].startswith("TorchOptim(optimizer=Adam, optimizer_kwargs={'lr': 0.03}")


def test_other_files_are_refused(tmp_path):
    torch.save(torch.rand(2), tmp_path / "a.pt")
    with pytest.raises(FileError, match="no synthesis"):
        examine_saved_synthesis(tmp_path / "a.pt")
    with pytest.raises(FileNotFoundError):
        examine_saved_synthesis(tmp_path / "nothing")


def test_damage_is_reported_and_not_shown(tmp_path):
    metamer = mm.Metamer(torch.rand(1, 6), mm.problems.LinearModel.random(3, 6))
    metamer.save(tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(whole[:-3])
    with pytest.raises(FileError, match="damaged or truncated"):
        examine_saved_synthesis(tmp_path / "a")
