"""Long names in tables may break after a dot, a slash or an underscore and before a capital, and nowhere else."""

import re

from docutils import nodes
from sphinx.application import Sphinx

_BREAKS = re.compile(r"(?<=[._/:])(?![._/:])|(?<=[a-z0-9])(?=[A-Z])")


def allow_breaks(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let browsers break the names in tables: `<wbr>` is not copied with the text, as a zero-width space would be."""
    if app.builder.format != "html":
        return
    for table in doctree.findall(nodes.table):
        for literal in table.findall(nodes.literal):
            name = literal.astext()
            if len(name) < 12 or any(not isinstance(child, nodes.Text) for child in literal.children):
                continue
            literal.children.clear()
            for i, part in enumerate(p for p in _BREAKS.split(name) if p):
                if i:
                    literal += nodes.raw("", "<wbr>", format="html")
                literal += nodes.Text(part)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run when references are resolved, so that links have their text."""
    app.connect("doctree-resolved", allow_breaks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
