"""Seeded fuzzing of what reads files: only the documented errors, whatever is in them, and nothing is run.

``METAMERIC_FUZZ=20 pytest tests/errors/test_fuzz.py`` runs twenty times as many cases. The time limit of every test is
what notices a reader that hangs.
"""

import copy
import json
import os
import random
import re
import struct
import subprocess
import zlib
from contextlib import redirect_stdout
from io import StringIO

import pytest
import torch

import metameric as mm
from metameric._core.errors import FileError, MetamericError

CASES = 60 * int(os.environ.get("METAMERIC_FUZZ", "1"))


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch):
    def ran(*args, **options):
        raise SystemExit("a file had something run")

    for owner, name in ((os, "system"), (subprocess, "Popen")):
        monkeypatch.setattr(owner, name, ran)


def make():
    return mm.Metamer(torch.linspace(0, 1, 4)[None], mm.problems.LinearModel.random(3, 4, seed=0))


@pytest.fixture(params=["default solver", "torch.optim"])
def saved(request, tmp_path):
    """A good file and its bytes."""
    metamer = make()
    adam = {"optimizer": torch.optim.Adam, "scheduler": torch.optim.lr_scheduler.ExponentialLR}
    options = {**adam, "scheduler_kwargs": {"gamma": 0.9}} if request.param == "torch.optim" else {}
    metamer.setup(seed=0, **options)
    metamer.synthesize(3, progress=False, store_progress=2)
    metamer.save(tmp_path / "saved")
    return tmp_path / "saved", (tmp_path / "saved").read_bytes()


def open_it(path):
    """Read a file in both ways; return whether it was refused. Any error but the documented one goes through."""
    metamer, refused = make(), False
    before = dict(vars(metamer))
    try:
        metamer.load(path)
    except FileError as error:
        refused = True
        assert path.name in str(error)
        assert vars(metamer) == before
    try:
        with redirect_stdout(StringIO()):
            mm.io.examine_saved_synthesis(path)
    except FileError as error:
        assert path.name in str(error)
    return refused


def damaged(dice, whole):
    """Cut, flip, delete, repeat, overwrite."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(whole) + 1)
        to = min(len(whole), at + dice.choice((1, 2, 8, 100)))
        whole = dice.choice(
            (
                whole[:at],
                whole[:at] + whole[to:],
                whole[:to] + whole[at:],
                whole[:at] + bytes(to - at) + whole[to:],
                whole[:at] + dice.randbytes(to - at) + whole[to:],
                whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1 :] if at < len(whole) else b"",
            )
        )
    return whole


HOSTILE = (
    None, True, False, 0, 1, -1, 3, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan"), "",
    "a", "\0", "é" * 50, "os.system", "cpu", "cuda:7", "meta", "torch.optim.Adam", [], {}, [[]], [None], {"": {}},
    {"$": "tensor", "name": "run.x"}, {"$": "tensor", "name": "nowhere"},
    {"$": "tensor", "name": "run.x", "repeat": 10**12}, {"$": "tensor", "name": "run.codes", "complex": True},
    {"$": "float", "value": "nan"}, {"$": "float", "value": "x"}, {"$": "tuple", "items": [1]},
    {"$": "tuple", "items": 3}, {"$": "dict", "items": [[[], 1]]}, {"$": "status", "code": 77},
    {"$": "object", "class": "LBFGS", "file": "os", "fields": {}},
    {"$": "object", "class": "LBFGS", "file": "", "fields": []},
    {"$": "object", "class": "Popen", "file": "subprocess", "fields": {"args": "true"}},
    {"$": "torch.optim", "name": "Adam"}, {"$": "torch.optim", "name": "__builtins__"},
    {"$": "foreign", "name": "os.system"}, {"$": "call"}, {"$": []}, {"$": None},
)  # fmt: skip


def nodes(tree):
    """Yield every container of a tree with every key in it."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from nodes(tree[key])


def deep(dice):
    value = dice.choice(HOSTILE)
    for _ in range(dice.choice((5, 100, 500))):
        value = [value] if dice.random() < 0.5 else {"a": value}
    return value


def vandalised(dice, tree):
    """Replace, remove, add or move some nodes of a tree."""
    tree = copy.deepcopy(tree)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        container, key = dice.choice(list(nodes(tree)) or [(tree, None)])
        if key is None:
            break
        what = dice.randrange(5)
        if what == 0:
            del container[key]
        elif what == 1:
            container[key] = copy.deepcopy(dice.choice([c[k] for c, k in nodes(tree)]))
        elif what == 2 and isinstance(container, dict):
            container[str(dice.choice(HOSTILE))] = copy.deepcopy(dice.choice(HOSTILE))
        elif what == 3 and dice.random() < 0.2:
            container[key] = deep(dice)
        else:
            container[key] = copy.deepcopy(dice.choice(HOSTILE))
    return tree


def put_together(header, tensors):
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + tensors


def taken_apart(whole):
    (length,) = struct.unpack("<Q", whole[:8])
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def forged(dice, whole):
    """Change the document and give it the checksum that belongs to it, so that what reads it has to cope."""
    header, tensors = taken_apart(whole)
    document = json.loads(header["__metadata__"]["metameric"])
    document.pop("crc32")
    document = vandalised(dice, document)
    try:
        document["crc32"] = zlib.crc32(json.dumps(document, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError):
        document["crc32"] = 0
    header["__metadata__"]["metameric"] = json.dumps(document)
    return put_together(header, tensors)


def test_damaged_archives(saved):
    path, whole = saved
    refused = 0
    for seed in range(CASES):
        path.write_bytes(damaged(random.Random(seed), whole))
        refused += open_it(path)
    assert refused > 0.9 * CASES


def test_archives_with_other_headers(saved):
    """Offsets, shapes and types that lie, numbers without bound, missing parts."""
    path, whole = saved
    header, tensors = taken_apart(whole)
    refused = 0
    for seed in range(CASES):
        path.write_bytes(put_together(vandalised(random.Random(seed), header), tensors))
        refused += open_it(path)
    assert refused > 0.8 * CASES


def test_forged_archives(saved):
    path, whole = saved
    refused = 0
    for seed in range(3 * CASES):
        path.write_bytes(forged(random.Random(seed), whole))
        refused += open_it(path)
    assert refused > 0.3 * 3 * CASES


SPECIFICATIONS = (
    """images: [camera, {name: coffee, label: cup}]
models:
  - name: LuminanceGainControl
    options: {kernel_size: [31, 31], pretrained: true}
  - {name: Gaussian, grid: {std: [1.0, 2.0]}, label: blur}
methods: [metamer, {method: mad, reference: mse, noise: 0.1}, {method: eigendistortions, k: 2}]
seeds: 0-4
size: [64, 32]
dtype: float64
require: {relative_error_png16: 0.01}
files: [png8, safetensors]
display: {gamma: 2.2, bits: 8}
""",
    """trials:
  - image: camera
    model: {name: Gaussian, options: {std: 3}}
    method: {method: metamer, max_iter: 10, tolerance: 1e-2, initial: noise}
    seed: 3
    size: 16
color: false
device: cpu
""",
)
WORDS = (
    "!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!!binary x", "!!timestamp x", "!!int x",
    "!!float x", "!!bool x", "!!set {a, b}", "!!omap [a: 1]", "2001-99-99", "0o8", "1_000", "0x" + "F" * 6000,
    "0-99999999999", "9" * 5000, "1e999", ".inf", ".nan", "~", "true", "-1", "1:30:30", "&a [*a]", "*a", "&a", "{",
    "}", "[", "]", ": ", "? ", "- ", "| ", "'", '"', "#", "%YAML 3.0", "---", "...", "\t", "\0", "\x07", "\ufeff",
    "é", "a" * 300, "/nowhere", "..", "\\", "{a: {b: {c: 1}}}", "[" * 2000, "{a: " * 500, "- " * 3000, "<<: *a", "[]",
    "{}", "''", "images", "name", "method", "99999999999999999999", "0.5", "[1, [2, [3]]]", "? [a, b] : c",
    "[1000000000]",
)  # fmt: skip


def misspelt(dice):
    """Return the bytes of a specification with some words, lines or letters changed."""
    text = dice.choice(SPECIFICATIONS)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 5))):
        at, lines, what = dice.randrange(len(text) + 1), text.split("\n"), dice.randrange(7)
        if what == 0:
            text = text[:at] + dice.choice(WORDS) + text[at:]
        elif what == 1:
            text = text[:at] + text[at + dice.randrange(1, 20) :]
        elif what == 2:
            text = "\n".join([*lines, dice.choice(lines)])
        elif what == 3:
            lines.pop(dice.randrange(len(lines)))
            text = "\n".join(lines)
        elif what == 4:
            text = text[:at] + chr(dice.randrange(128)) + text[at + 1 :]
        elif found := list(re.finditer(r"[\w.]+", text)):
            word = dice.choice(found)
            text = text[: word.start()] + dice.choice(WORDS) + text[word.end() :]
    data = bytearray(text.encode())
    if data and dice.random() < 0.1:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


@pytest.mark.parametrize("part", range(4))
def test_specifications(tmp_path, monkeypatch, part):
    monkeypatch.chdir(tmp_path)
    file, refused = tmp_path / "set.yaml", 0
    for seed in range(part * CASES, (part + 1) * CASES):
        file.write_bytes(misspelt(random.Random(seed)))
        try:
            mm.stimuli.read_specification(file)
        except MetamericError as error:
            refused += 1
            assert isinstance(error, ValueError)
            assert "set.yaml" in str(error)
            assert len(str(error)) < 5000
    assert refused > 0.5 * CASES
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"size: !!int x", "line 1: not YAML .no int."),
        (b"a: 1\nsize: 2001-99-99", "line 2: not YAML .no timestamp."),
        (b"color: !!bool x", "line 1: not YAML .no bool."),
        (b"size: \xff", "is not text in UTF-8 .invalid start byte at byte 6."),
        (b"size: " + b"[" * 3000, "nested too deeply"),
        (b"{images: camera, models: Gaussian, methods: metamer, seeds: 0-99999999999}", "at most 1000000"),
        (
            b"{images: camera, models: Gaussian, methods: metamer, dtype: 0x-1}".replace(b"-1", b"F" * 6000),
            "24000 bits",
        ),
        (b"{images: camera, models: Gaussian, methods: metamer, device: [], dtype: " + b"a" * 300 + b"}", r"aaa\.\.\."),
    ],
)
def test_what_fuzzing_found(tmp_path, line, message):
    (tmp_path / "set.yaml").write_bytes(line)
    with pytest.raises(ValueError, match=message) as caught:
        mm.stimuli.read_specification(tmp_path / "set.yaml")
    assert isinstance(caught.value, MetamericError)
