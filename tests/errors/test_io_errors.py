"""Files that are missing, damaged, foreign, hostile, newer or simply others: one error each, and nothing happens."""

import json
import os
import pickle
import struct
import zipfile
import zlib

import pytest
import torch
from safetensors.torch import load_file, save_file

import metameric as mm
from metameric._core.errors import FileError, InputError, MissingFileError, StateError
from metameric.io._archive import FORMAT_VERSION
from metameric.regularize import penalize_range


def make(seed=0, n=6, model_seed=0, **options):
    image = torch.rand(1, n, generator=torch.Generator().manual_seed(seed))
    return mm.Metamer(image, mm.problems.LinearModel.random(3, n, seed=model_seed), **options)


@pytest.fixture
def path(tmp_path):
    synthesis = make()
    synthesis.setup(seed=0)
    synthesis.synthesize(4, progress=False, store_progress=2)
    synthesis.save(tmp_path / "good")
    return tmp_path / "good"


def refused(path, message, error=FileError, synthesis=None, **options):
    """Loading raises, the message names the file, and the object is as it was."""
    synthesis = synthesis or make()
    before = dict(vars(synthesis))
    with pytest.raises(error, match=message) as caught:
        synthesis.load(path, **options)
    assert str(path) in str(caught.value)
    assert vars(synthesis) == before
    synthesis.synthesize(1, progress=False)
    return str(caught.value)


def header(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def rewrite(path, change):
    """Change the document and give it a checksum that fits: a file made on purpose, not a damaged one."""
    whole, tensors = header(path)
    document = json.loads(whole["__metadata__"]["metameric"])
    document = change(document) or document
    if isinstance(document, dict):
        document.pop("crc32")
        document["crc32"] = zlib.crc32(json.dumps(document, ensure_ascii=False).encode())
    whole["__metadata__"] = {"metameric": json.dumps(document)}
    packed = json.dumps(whole).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + tensors)


def test_missing(tmp_path):
    refused(tmp_path / "nothing", "there is no file", MissingFileError)
    with pytest.raises(FileNotFoundError):
        make().load(tmp_path / "nothing")


def test_folder(tmp_path):
    refused(tmp_path, "is a folder")


def test_empty(tmp_path):
    (tmp_path / "empty").touch()
    refused(tmp_path / "empty", "is empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(path):
    path.chmod(0)
    refused(path, "cannot be read")


def test_truncated_anywhere(path):
    whole = path.read_bytes()
    for length in [*range(1, 24), 200, len(whole) // 4, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match="good"):
            make().load(path)


def test_every_changed_byte_is_noticed(path):
    whole = bytearray(path.read_bytes())
    generator = torch.Generator().manual_seed(0)
    for position in torch.randint(len(whole), (60,), generator=generator).tolist():
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="good"):
            make().load(path)


def test_text_file(tmp_path):
    (tmp_path / "notes.txt").write_text("these are not the tensors you are looking for")
    refused(tmp_path / "notes.txt", "neither a metameric file nor a plenoptic one")


def test_foreign_safetensors(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "weights", {"format": "pt"})
    refused(tmp_path / "weights", "not one that metameric wrote")


@pytest.mark.parametrize("change", [lambda t: t.pop("run.x"), lambda t: t.update(more=torch.zeros(2))])
def test_tensors_other_than_the_header_lists(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, header(path)[0]["__metadata__"])
    refused(path, "its tensors are not those that its header lists")


def test_other_kind_of_metameric_file(path):
    rewrite(path, lambda d: d.update(kind="stimulus set"))
    refused(path, "holds a 'stimulus set'; expected a 'synthesis'")


def test_newer_version(path):
    rewrite(path, lambda d: d.update(format_version=FORMAT_VERSION + 1, metameric="99.0"))
    message = refused(path, f"format version {FORMAT_VERSION + 1}")
    assert "99.0" in message
    assert "Upgrade metameric" in message


@pytest.mark.parametrize("version", [0, -1, "one", None])
def test_no_version(path, version):
    rewrite(path, lambda d: d.update(format_version=version))
    refused(path, "format version")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("run") and None, "does not fit together"),
        (lambda d: [1, 2], "not an object"),
        (lambda d: d["run"].update(iteration=17), "17 steps"),
        (lambda d: d["run"].update(iteration="four"), "steps|does not fit together"),
        (lambda d: d["run"].update(x=None), "does not fit together"),
        (lambda d: d["run"]["gradient"].update(name="run.total"), "gradient has shape"),
        (lambda d: d["run"]["memory"]["s"].update(name="run.columns.total"), "solver's memory"),
        (lambda d: d["attributes"].update(_unheard_of=1), "_unheard_of"),
        (lambda d: d["attributes"]["_solver"].update({"class": "Popen"}), "'Popen'"),
        (lambda d: d["attributes"]["_solver"]["fields"].update(command="ls"), "command"),
        (lambda d: d["attributes"].update(_seeds={"$": "call", "name": "os.system"}), "unknown kind 'call'"),
        (lambda d: d["attributes"].update(_seeds={"$": "torch.optim", "name": "sys"}), "torch.optim.sys"),
        (lambda d: d["attributes"].update(_seeds={"$": "foreign", "name": "os.system"}), "os.system"),
        (lambda d: d["snapshots"].update(iterations=[0]), "stored stimuli"),
    ],
)
def test_made_up_content(path, change, message):
    rewrite(path, change)
    refused(path, message)


def test_codes_that_no_status_has(path):
    synthesis = make()
    synthesis.setup(seed=0)
    synthesis.synthesize(40, stop=mm.Never(), progress=False)
    synthesis.save(path)
    rewrite(path, lambda d: d["run"]["codes"].update(name="run.counts"))
    refused(path, "status codes")


def test_deep_nesting(path):
    text = "[" * 100_000
    save_file({}, path, {"metameric": text})
    refused(path, "does not fit together")


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("how", ["pickle", "torch", "plenoptic", "old torch"])
def test_hostile_pickles_are_not_run(tmp_path, how):
    mark, path = tmp_path / "mark", tmp_path / "bomb.pt"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Bomb(mark)))
    elif how == "torch":
        torch.save(Bomb(mark), path)
    elif how == "old torch":
        torch.save({"save_metadata": Bomb(mark)}, path, _use_new_zipfile_serialization=False)
    else:
        torch.save({"save_metadata": {"synthesis_object": "plenoptic.Metamer"}, "_image": Bomb(mark)}, path)
    message = refused(path, "Nothing in it was run")
    assert "weights_only" not in message
    with pytest.raises(FileError, match=r"bomb\.pt"):
        mm.io.examine_saved_synthesis(path)
    assert not mark.exists()


def test_weights_only_cannot_be_switched_off(tmp_path):
    torch.save({"a": 1}, tmp_path / "a.pt")
    for options in ({"weights_only": False}, {"pickle_module": pickle}):
        with pytest.raises(InputError, match="would let the file run code"):
            make().load(tmp_path / "a.pt", **options)
    with pytest.raises(FileError, match="no synthesis"):
        make().load(tmp_path / "a.pt", weights_only=True)


def test_misspelt_options_are_noticed(path):
    with pytest.raises(TypeError, match="map_locations"):
        make().load(path, map_locations="cpu")


def test_other_torch_files(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "weights.pt")
    refused(tmp_path / "weights.pt", "no synthesis")
    torch.save(torch.zeros(2), tmp_path / "tensor.pt")
    refused(tmp_path / "tensor.pt", "no synthesis")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "b")
    refused(tmp_path / "a.zip", "neither a metameric file nor")


def test_plenoptic_file_without_its_content(tmp_path):
    torch.save({"save_metadata": {"synthesis_object": "plenoptic.Metamer"}}, tmp_path / "hollow.pt")
    refused(tmp_path / "hollow.pt", "hollow")
    torch.save({"save_metadata": {"synthesis_object": "plenoptic.Geodesic"}}, tmp_path / "other.pt")
    refused(tmp_path / "other.pt", "class: found Geodesic, expected Metamer")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: make(seed=1), "image: the values differ by up to"),
        (lambda: make(n=7), r"image: found shape \(1, 6\), expected \(1, 7\)"),
        (lambda: make().to(torch.float64), "image: found dtype float32, expected float64"),
        (lambda: make(model_seed=1), "model: its output on test stimuli"),
        (lambda: make(loss_function=mm.loss.l2_norm), "loss_function: found mse, expected l2_norm"),
        (lambda: make(penalty_function=lambda x: (x * x).mean()), "penalty_function: found penalize_range"),
        (lambda: make(penalty_lambda=0.5), r"penalty_lambda: found 0\.1, expected 0\.5"),
    ],
)
def test_another_object(path, other, message):
    said = refused(path, message, synthesis=other())
    assert "raise_on_checks=False" in said


def test_the_largest_difference_is_named(path):
    other = make()
    image = other.image.clone()
    image[0, 2] += 0.125
    said = refused(path, r"image: the values differ by up to 0\.125", synthesis=mm.Metamer(image, other.model))
    assert "loss_function" not in said


def test_same_name_with_another_behaviour(path):
    def mse(a, b):
        return 2 * mm.loss.mse(a, b)

    refused(path, "loss_function: its output on test stimuli is not the saved one's", synthesis=make(loss_function=mse))


def test_another_class(path):
    class Relative(mm.Metamer):
        pass

    image = make().image
    refused(path, "class: found Metamer, expected Relative", synthesis=Relative(image, make().model))
    # Not even on request: there is nothing in common to go on with.
    refused(path, "class: found", synthesis=Relative(image, make().model), raise_on_checks=False)


def test_all_differences_are_named_at_once(path):
    said = refused(path, "image", synthesis=make(seed=1, penalty_lambda=3.0, loss_function=mm.loss.l2_norm))
    assert "penalty_lambda" in said
    assert "loss_function" in said


def test_lenient_loading_warns_of_each_difference(path):
    synthesis = make(penalty_lambda=0.2, loss_function=lambda a, b: mm.loss.mse(a, b))
    with pytest.warns(mm.io.LoadWarning) as caught:
        synthesis.load(path, raise_on_checks=False)
    assert [str(w.message).split(": ")[1] for w in caught] == ["penalty_lambda", "loss_function"]
    assert synthesis.penalty_lambda == 0.1
    assert synthesis.run.iteration == 4
    synthesis.synthesize(2, progress=False, store_progress=2)


def test_tolerances_decide(path):
    near = make()
    near._image = near._image + 1e-6
    refused(path, "image", synthesis=near)
    near = make()
    near._image = near._image + 1e-6
    near.load(path, tensor_equality_atol=1e-5)
    assert near.run.iteration == 4


def test_map_location_must_be_the_objects_device(path):
    with pytest.raises(InputError, match="map_location is meta, but this object is on cpu"):
        make().load(path, map_location="meta")
    with pytest.raises(InputError, match="expected a device that is there"):
        make().load(path, map_location="abacus")
    make().load(path, map_location="cpu")


@pytest.mark.parametrize("busy", ["setup", "synthesize", "load"])
def test_only_new_objects_load(path, busy):
    synthesis = make()
    if busy == "setup":
        synthesis.setup()
    elif busy == "synthesize":
        synthesis.synthesize(1, progress=False)
    else:
        synthesis.load(path)
    with pytest.raises(StateError, match="make a new one"):
        synthesis.load(path)


def test_saving_where_one_cannot(tmp_path):
    synthesis = make()
    with pytest.raises(MissingFileError, match="make it first"):
        synthesis.save(tmp_path / "no" / "such" / "folder")
    with pytest.raises(FileError, match="is a folder"):
        synthesis.save(tmp_path)


def test_failed_save_keeps_the_old_file_and_leaves_nothing_behind(path, monkeypatch):
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        make().save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["good"]


def test_checkpoint_that_cannot_be_written_fails_before_the_work(tmp_path):
    checkpoint = mm.io.Checkpoint(tmp_path / "no" / "file")
    synthesis = make()
    with pytest.raises(MissingFileError, match="no folder"):
        synthesis.synthesize(5, progress=False, observers=[checkpoint])
    with pytest.raises(InputError, match="seconds is -1"):
        mm.io.Checkpoint(tmp_path / "a", seconds=-1)


def test_header_is_readable_without_metameric(path):
    """The promise of the format: any safetensors reader sees the stimuli under plain names."""
    synthesis = make()
    synthesis.load(path)
    assert torch.equal(load_file(path)["run.x"], synthesis.metamer)
    assert json.loads(header(path)[0]["__metadata__"]["metameric"])["class"] == "Metamer"


def test_range_penalty_with_its_own_range_is_told_apart(path):
    from functools import partial

    other = make(penalty_function=partial(penalize_range, allowed_range=(-1.0, 1.0)))
    refused(path, "penalty_function", synthesis=other)
