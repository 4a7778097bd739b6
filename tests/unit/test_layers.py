"""Imports go one way, and `import metameric` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src" / "metameric"
ORDER = [
    "_version",
    "_core",
    "data",
    "process",
    "models",
    "metric",
    "loss",
    "regularize",
    "problems",
    "validate",
    "_objective",
    "_solve",
    "_synthesis",
    "io",
    "plot",
    "external",
    "stimuli",
    "cli",
]
FILES = sorted(p for p in SRC.rglob("*.py") if p.parent != SRC or p.stem in ("problems", "_version"))
# Method bodies that reach down on purpose: models draw themselves, syntheses save themselves, data reuses filters.
LATE = {"plot", "io"}


def _layer(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def _imports(tree: ast.AST) -> list[tuple[str, bool]]:
    """List (layer, at module level) of every import of metameric."""
    top = set(tree.body) if isinstance(tree, ast.Module) else set()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("metameric."):
            found.append((node.module.split(".")[1], node in top))
        elif isinstance(node, ast.ImportFrom) and node.module == "metameric":
            found += [(alias.name, node in top) for alias in node.names if alias.name in ORDER]
        elif isinstance(node, ast.Import):
            found += [
                (alias.name.split(".")[1], node in top)
                for alias in node.names
                if alias.name.startswith("metameric.") and len(alias.name.split(".")) > 1
            ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_imports_go_one_way(path):
    mine = ORDER.index(_layer(path))
    for layer, at_top in _imports(ast.parse(path.read_text())):
        late = not at_top and layer in LATE
        assert ORDER.index(layer) <= mine or late, f"{path.relative_to(SRC)} imports {layer}, which lies below it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_only_plot_imports_matplotlib(path):
    if _layer(path) in ("plot", "external"):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(n.split(".")[0] == "matplotlib" for n in names), path


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_no_assert_in_the_library(path):
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))


def test_import_is_light():
    code = "import metameric, sys; print(sorted({'torch', 'matplotlib', 'numpy', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_resolves():
    import metameric

    for name in metameric.__all__:
        thing = getattr(metameric, name)
        for inner in getattr(thing, "__all__", []):
            assert getattr(thing, inner) is not None
