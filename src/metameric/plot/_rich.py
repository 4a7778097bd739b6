"""Rich display of a synthesis in notebooks."""

import base64
import html
import io
from typing import Any

import matplotlib.pyplot as plt

from metameric.plot._status import synthesis_status
from metameric.plot._views import view_of, with_target


def rich_html(synthesis: Any) -> str:
    """Return the status figure and the summary of a synthesis as an HTML fragment, leaving no figure behind."""
    summary = getattr(synthesis, "summary", None)
    text = summary() if callable(summary) else repr(synthesis)
    figure = synthesis_status(synthesis, included_plots=with_target(view_of(synthesis)))
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    plt.close(figure)
    data = base64.b64encode(picture.getvalue()).decode()
    alt = html.escape(figure.get_suptitle() or type(synthesis).__name__)
    return f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}"><pre>{html.escape(text)}</pre>'
