"""Long names in tables and titles may break after a dot, a slash, an underscore and before a capital, nowhere else."""

import re

from docutils import nodes
from sphinx.application import Sphinx

_BREAKS = re.compile(r"(?<=[._/:])(?![._/:])|(?<=[a-z0-9])(?=[A-Z])")


def allow_breaks(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let browsers break names: `<wbr>` is not copied with the text, as a zero-width space would be."""
    if app.builder.format != "html":
        return
    for table in doctree.findall(nodes.table):
        for literal in table.findall(nodes.literal):
            _break(literal)
    for title in doctree.findall(nodes.title):
        if " " not in title.astext():
            _break(title)


def _break(element: nodes.TextElement) -> None:
    name = element.astext()
    if len(name) < 12 or any(not isinstance(child, nodes.Text) for child in element.children):
        return
    element.children.clear()
    for i, part in enumerate(p for p in _BREAKS.split(name) if p):
        if i:
            element += nodes.raw("", "<wbr>", format="html")
        element += nodes.Text(part)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run when references are resolved, so that links have their text."""
    app.connect("doctree-resolved", allow_breaks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
