"""The archive holds what it was given, replaces files at once, and can be migrated."""

import pytest
import torch

from metameric._core.errors import FileError
from metameric.io import _archive
from metameric.io._archive import read_archive, write_archive
from metameric.io._atomic import replacing

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)], ids=str)
def test_tensors_come_back(tmp_path, dtype, shape):
    tensor = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 100).to(dtype)
    write_archive(tmp_path / "a", "test", {}, {"t": tensor})
    read = read_archive(tmp_path / "a", "test").tensors["t"]
    assert read.dtype == dtype
    assert read.shape == tensor.shape
    assert torch.equal(read, tensor)


def test_views_and_shared_memory_are_written_as_they_read(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {"base": base, "again": base, "row": base[1], "turned": base.T, "part": base[:, 2:4]}
    tensors |= {"one": base[:1, 0], "repeated": base[0, :1].expand(2)[:1]}
    write_archive(tmp_path / "a", "test", {}, tensors)
    read = read_archive(tmp_path / "a", "test").tensors
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    read["base"].zero_()
    assert torch.equal(read["again"], base)


def test_loaded_tensors_lie_where_computed_ones_would(tmp_path):
    tensors = {f"t{i}": torch.rand(i + 1, dtype=torch.float64) for i in range(5)} | {"bytes": torch.ones(3).byte()}
    write_archive(tmp_path / "a", "test", {}, tensors)
    assert all(t.data_ptr() % 64 == 0 for t in read_archive(tmp_path / "a", "test").tensors.values())


def test_document_comes_back_and_same_content_is_the_same_file(tmp_path):
    document = {"text": "Ein Bild, größer als 1: ½", "numbers": [0.1, 1e-300, 2**70, -1], "none": None}
    for name in "ab":
        write_archive(tmp_path / name, "test", document, {"t": torch.ones(2)})
    read = read_archive(tmp_path / "a", "test").document
    assert {key: read[key] for key in document} == document
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_older_versions_are_migrated_step_by_step(tmp_path, monkeypatch):
    write_archive(tmp_path / "a", "test", {"old": 1}, {})
    steps = {1: lambda d: {**d, "newer": d.pop("old") + 1}, 2: lambda d: {**d, "newest": d["newer"] + 1}}
    monkeypatch.setattr(_archive, "FORMAT_VERSION", 3)
    monkeypatch.setattr(_archive, "MIGRATIONS", steps)
    document = read_archive(tmp_path / "a", "test").document
    assert (document["newer"], document["newest"]) == (2, 3)


def test_every_older_version_has_a_migration():
    assert sorted(_archive.MIGRATIONS) == list(range(1, _archive.FORMAT_VERSION))


def test_an_error_during_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise error
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["a"]
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_name_too_long(tmp_path):
    with pytest.raises(FileError, match="cannot be written: File name too long"), replacing(tmp_path / ("a" * 300)):
        pass
    assert not list(tmp_path.iterdir())


def test_links_stay_links(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_documents_cannot_hold_what_json_lacks(tmp_path):
    with pytest.raises(ValueError):
        write_archive(tmp_path / "a", "test", {"x": float("nan")}, {})
    assert list(tmp_path.iterdir()) == []


def test_kinds_are_told_apart(tmp_path):
    write_archive(tmp_path / "a", "one", {}, {})
    with pytest.raises(FileError, match="holds a 'one'; expected a 'two'"):
        read_archive(tmp_path / "a", "two")


def test_files_have_the_permissions_of_any_other_file(tmp_path):
    import torch

    import metameric as mm

    plain = tmp_path / "plain"
    plain.touch()
    metamer = mm.Metamer(torch.rand(1, 4), mm.problems.LinearModel.random(2, 4))
    metamer.synthesize(2, progress=False)
    metamer.save(tmp_path / "run.safetensors")
    assert (tmp_path / "run.safetensors").stat().st_mode == plain.stat().st_mode
