"""Specifications: what they accept, what they ask for, and the schema that editors are given."""

import sys
from pathlib import Path

import jsonschema
import pytest
import torch
import yaml

from metameric._core.errors import ModelError
from metameric.io import save_png
from metameric.stimuli import Specification, json_schema, plan, read_specification
from metameric.stimuli._words import read_image

SHORTEST = (
    "images: [camera, coffee]\nmodels: [LuminanceGainControl]\nmethods: [metamer, eigendistortions]\nseeds: [0, 1]\n"
)
LONGER = """
images: [camera, {name: coffee, label: cup}]
models:
  - Gaussian
  - {name: Gaussian, options: {std: 2}, grid: {kernel_size: [7, 15]}, label: blur}
methods:
  - metamer
  - {method: metamer, grid: {tolerance: [0.1, 0.01]}, label: loose}
  - {method: mad, reference: ssim}
seeds: 0-3
size: [16, 24]
require: {relative_error_png8: 0.1}
display: {gamma: 2.0, canvas: 64, bits: 8}
trials:
  - {image: moon, model: Identity, method: {method: metamer, max_iter: 3}, seed: 7, size: 16}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "set.yaml"
    file.write_text(text)
    return file


def test_four_keys_are_enough(tmp_path):
    spec = read_specification(written(tmp_path, SHORTEST))
    assert [i.name for i in spec.images] == ["camera", "coffee"]
    assert [m.method for m in spec.methods] == ["metamer", "eigendistortions"]
    assert spec.seeds == [0, 1] and spec.size == []
    assert spec.text == SHORTEST


def test_everything_at_once(tmp_path):
    spec = read_specification(written(tmp_path, LONGER))
    assert [v.label for v in spec.models[1].variants()] == ["blur-kernel_size=7", "blur-kernel_size=15"]
    assert [v.options for v in spec.models[1].variants()] == [{"std": 2, "kernel_size": k} for k in (7, 15)]
    assert [v.label for v in spec.methods[1].variants()] == ["loose-tolerance=0.1", "loose-tolerance=0.01"]
    assert [v.tolerance for v in spec.methods[1].variants()] == [0.1, 0.01]
    assert [v.label for v in spec.methods[2].variants()] == ["mad-min", "mad-max"]
    assert spec.seeds == [0, 1, 2, 3] and spec.size == [16, 24]
    assert spec.display.canvas == (64, 64)
    assert spec.trials[0].method.max_iter == 3


def test_layers_are_models_of_their_own():
    spec = Specification(images=["camera"], models=[{"name": "own:Net", "layers": ["a", "b"]}], methods=["metamer"])
    assert [m.options for m in spec.models[0].variants()] == [{"layer": "a"}, {"layer": "b"}]
    assert [m.label for m in spec.models[0].variants()] == ["Net-layer=a", "Net-layer=b"]


def test_text_and_values_agree(tmp_path):
    spec = read_specification(written(tmp_path, LONGER))
    again = Specification(**spec.model_dump(mode="json", exclude_unset=True))
    assert again.model_dump() == spec.model_dump()
    assert Specification(**yaml.safe_load(again.text)).model_dump() == spec.model_dump()


def test_files_are_found_beside_the_specification(tmp_path, models):
    text = "images: [own_models.py]\nmodels: ['own_models.py:blur']\nmethods: [metamer]\n"
    spec = read_specification(written(tmp_path, text))
    assert spec.models[0].name == f"{tmp_path}/own_models.py:blur"
    assert spec.images[0].name == f"{tmp_path}/own_models.py"


def test_merged_keys_are_not_repeated_ones(tmp_path):
    text = SHORTEST.replace("[LuminanceGainControl]", "[&one {name: Gaussian, label: a}, {<<: *one, label: b}]")
    assert [m.label for m in read_specification(written(tmp_path, text)).models] == ["a", "b"]


METRIC = """
def dist(x, y):
    return (x - y).square().sum((1, 2, 3))

class Net:
    def __call__(self, x):
        return 2 * x
"""


def test_models_and_metrics_are_found_beside_the_specification_and_their_folder_is_no_part_of_keys(
    tmp_path, monkeypatch
):
    text = """
images: [camera]
models: ['beside{0}:Net', {{name: 'inside{0}.part:Net', label: part}}]
methods:
  - {{method: mad, optimized: 'beside{0}.py:dist', reference: 'beside{0}:dist', label: plain}}
  - {{method: mad, grid: {{optimized: [model, 'beside{0}.py:dist']}}, minmax: min}}
trials: [{{image: camera, model: Identity, method: {{method: mad, reference: 'beside{0}.py:dist', label: one}}}}]
size: 16
"""
    plans = []
    for name in ("first", "second"):
        folder = tmp_path / name / "deep"
        (folder / "inside_1").mkdir(parents=True)
        (folder / "inside_1" / "__init__.py").touch()
        for file in ("beside_1.py", "inside_1/part.py"):
            (folder / file).write_text(METRIC)
        spec = read_specification(written(folder, text.format("_1")))
        assert [m.name for m in spec.models] == [f"{folder}/beside_1:Net", f"{folder}/inside_1.part:Net"]
        assert spec.methods[0].optimized == f"{folder}/beside_1.py:dist"
        assert spec.methods[0].reference == f"{folder}/beside_1:dist"
        assert spec.methods[1].grid == {"optimized": ["model", f"{folder}/beside_1.py:dist"]}
        assert spec.trials[0].method.reference == f"{folder}/beside_1.py:dist"
        monkeypatch.chdir(tmp_path)
        plans.append(plan(spec))
        for module in ("beside_1", "inside_1", "inside_1.part"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(folder)])
    first, second = plans
    assert [trial.key for trial in first.trials] == [trial.key for trial in second.trials]
    assert {trial.method.label for trial in first.trials} >= {
        "mad-optimized=model-min",
        "mad-optimized=beside_1.py:dist-min",
    }


def test_two_modules_of_one_name_are_not_taken_for_one_another(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "twice_1.py").write_text(METRIC)
    specs = [
        Specification(images=["camera"], models=[f"{tmp_path / name}/twice_1:Net"], methods=["metamer"], size=16)
        for name in ("first", "second")
    ]
    plan(specs[0])
    with pytest.raises(ModelError, match=r"another twice_1 is in use, .*first.*; rename yours, or write file.py"):
        plan(specs[1])


def test_bundled_images_go_before_folders_but_not_before_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "camera").mkdir()
    save_png(tmp_path / "moon.png", torch.zeros(4, 4))
    (tmp_path / "moon.png").rename(tmp_path / "moon")
    spec = read_specification(written(tmp_path, SHORTEST.replace("coffee", "moon")))
    assert [i.name for i in spec.images] == ["camera", f"{tmp_path}/moon"]
    assert read_image("camera", 8, False, "float32", "cpu").std() > 0.1
    assert read_image("moon", 4, False, "float32", "cpu").max() == 0


@pytest.mark.parametrize("text", [SHORTEST, LONGER])
def test_schema_accepts_what_is_accepted(text):
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize(
    "change", [{"sedes": [1]}, {"methods": ["metamr"]}, {"seeds": [-1]}, {"display": {"gamma": 0}}]
)
def test_schema_refuses_what_is_refused(change):
    content = {**yaml.safe_load(SHORTEST), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json_schema())
    with pytest.raises(ValueError):
        Specification(**content)
