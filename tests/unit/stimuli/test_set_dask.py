"""Sets on the workers of a Dask scheduler, started as a user would start them."""

import json
import threading
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="DASK IS NOT INSTALLED: the Dask executor is NOT tested")

from safetensors.torch import load_file
from torch.testing import assert_close

from metameric._core.errors import InputError
from metameric.stimuli import _dask, run, verify

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def test_dask_workers_make_the_same_set(scheduler, small, tmp_path):
    spec = small.model_copy(update={"batch_size": 2})
    run(spec, tmp_path / "here", progress=False)
    found = run(spec, tmp_path / "there", progress=False, scheduler=scheduler)
    assert found.complete
    for file in (tmp_path / "here" / "stimuli").glob("*.safetensors"):
        other = tmp_path / "there" / "stimuli" / Path(file).name
        assert_close(load_file(file)["stimulus"], load_file(other)["stimulus"], rtol=1e-4, atol=1e-4)
    assert verify(tmp_path / "there").clean


def test_a_failure_comes_back_with_its_error(scheduler, small, models, tmp_path):
    spec = small.model_copy(update={"images": small.images[:1], "methods": small.methods[:1], "retries": 0})
    own = small.models[0].model_copy(
        update={"name": f"{models}:Once", "options": {"flag": str(tmp_path / "flag")}, "label": "once"}
    )
    spec = spec.model_copy(update={"models": [own], "batch_size": 1, "seeds": [0]})
    (failure,) = run(spec, tmp_path / "set", progress=False, scheduler=scheduler).failures
    assert "for once" in failure["error"]


def test_nobody_at_the_address(small, tmp_path, monkeypatch):
    monkeypatch.setattr(_dask, "TIMEOUT", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        run(small, tmp_path / "set", progress=False, scheduler="tcp://127.0.0.1:9")


def test_jobs_go_to_workers_that_have_the_resource(scheduler, small, tmp_path):
    spec = small.model_copy(update={"methods": small.methods[:1], "batch_size": 1})
    assert run(spec, tmp_path / "set", progress=False, scheduler=scheduler, resources={"GPU": 1}).complete
    assert len({_worker(f) for f in (tmp_path / "set" / "trials").glob("*.json")}) == 1
    assert run(spec, tmp_path / "other", progress=False, scheduler=scheduler).complete
    assert len({_worker(f) for f in (tmp_path / "other" / "trials").glob("*.json")}) == 2


def _worker(file):
    return json.loads(file.read_text())["worker"]


def test_nobody_has_the_resource(scheduler, small, tmp_path, monkeypatch):
    monkeypatch.setattr(_dask, "PATIENCE", 0.5)
    executor = _dask.Dask(scheduler, resources={"TPU": 2})
    try:
        waiting = executor.client.submit(int, resources={"TPU": 2})
        timer = threading.Timer(2, waiting.cancel)
        timer.start()
        with pytest.warns(UserWarning, match="no worker with TPU=2 is at the scheduler"):
            assert executor._ended([waiting]) == [waiting]
    finally:
        executor.close()
