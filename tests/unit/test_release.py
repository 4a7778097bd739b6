"""What is said of the package in several places is the same in all of them."""

import re
import tomllib
from pathlib import Path

import jinja2
import pytest
import yaml

import metameric

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def recipe():
    """The conda recipe with its template filled in, as conda-build does."""

    def load_file_regex(load_file, regex_pattern, from_recipe_dir):
        assert not from_recipe_dir
        return re.search(regex_pattern, read(load_file))

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = environment.from_string(read("recipe/meta.yaml"))
    return yaml.safe_load(text.render(load_file_regex=load_file_regex, PYTHON="python"))


def bounds(requirements):
    """Name -> lowest version."""
    pairs = (re.fullmatch(r"([\w.-]+) *>=([\d.]+)", text).groups() for text in requirements)
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def test_the_version_has_one_home():
    assert project()["dynamic"] == ["version"]
    assert recipe()["package"]["version"] == metameric.__version__
    assert yaml.safe_load(read("CITATION.cff"))["version"] == metameric.__version__
    assert f"## {metameric.__version__}" in read("CHANGELOG.md")


def test_the_conda_recipe_asks_for_what_the_wheel_does():
    wanted = {CONDA_NAMES.get(name, name): low for name, low in bounds(project()["dependencies"]).items()}
    wanted["python"] = project()["requires-python"].removeprefix(">=")
    assert bounds(recipe()["requirements"]["run"]) == wanted
    (command,) = project()["scripts"].items()
    assert recipe()["build"]["entry_points"] == [" = ".join(command)]


def test_every_dependency_has_a_pin_that_fits():
    pinned = dict(line.lower().replace("_", "-").split("==") for line in read("constraints.txt").split())
    for name, low in bounds(project()["dependencies"]).items():
        parts = [tuple(int(n) for n in re.findall(r"\d+", text)) for text in (pinned[name], low)]
        assert parts[0] >= parts[1], name


@pytest.mark.parametrize("system", ["ubuntu", "macos", "windows"])
def test_the_workflow_runs_on_every_system(system):
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    systems = [job["runs-on"] for job in jobs.values()]
    matrix = jobs["other"]["strategy"]["matrix"]
    systems += [*matrix["os"], *(entry["os"] for entry in matrix["include"])]
    assert any(name.startswith(system) for name in systems)


def test_data_files_are_in_the_package_data():
    """Every file of the package that is not Python is matched by a pattern of what the wheel holds."""
    patterns = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["package-data"]["metameric"]
    package = ROOT / "src" / "metameric"
    held = {path for pattern in patterns for path in package.glob(pattern)}
    files = {p for p in package.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert package / "py.typed" in files
    assert files <= held
