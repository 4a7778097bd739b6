"""Specifications: what they accept, what they ask for, and the schema that editors are given."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from metameric.stimuli import Specification, json_schema, read_specification

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
