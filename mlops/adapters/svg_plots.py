# matplotlib ships no precise types.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

"""Plots as SVG for a page: text stays text, colours are the page's own, equal plots have equal bytes.

matplotlib draws; its global state, its configuration file and the clock have no part in it. Colours are drawn
as stand-ins, and replaced by variables of the page's style sheet, so that one plot serves light and dark.
"""

from __future__ import annotations

import html
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Stand-in to variable of the style sheet.
INK, FAINT, CANDIDATE, CHAMPION, GOOD, BAD = (
    *("#010101", "#020202", "#030303", "#040404", "#050505", "#060606"),
)
_VARIABLES = {
    INK: "--ink",
    FAINT: "--rule",
    CANDIDATE: "--candidate",
    CHAMPION: "--champion",
    GOOD: "--good",
    BAD: "--bad",
}
_RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mlops",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_FONT = re.compile(r"font: ((?:(?!\d)[\w-]+ )*)([0-9.]+)px [^;\"]*")
_ID = re.compile(r"(\bid=\"|xlink:href=\"#|url\(#)")


def use_config_folder(folder: Path) -> None:
    """Let matplotlib keep its list of fonts in a folder, unless the user has chosen one."""
    os.environ.setdefault("MPLCONFIGDIR", str(folder))


@contextmanager
def axes(
    width_in: float, height_in: float, *, left_in: float = 0.55, bottom_in: float = 0.45
) -> Iterator[Any]:
    """Yield the axes of a new plot; everything that is drawn in the block has the plot's own style.

    Margins are fixed: a layout that measures every text takes longer than the drawing.

    Args:
        width_in: Width of the plot, inches.
        height_in: Height of the plot, inches.
        left_in: Margin for the labels on the left, inches.
        bottom_in: Margin for the labels below, inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    right_in, top_in = 0.12, 0.22
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        drawn = Figure(figsize=(width_in, height_in))
        yield drawn.add_axes(
            (
                left_in / width_in,
                bottom_in / height_in,
                (width_in - left_in - right_in) / width_in,
                (height_in - bottom_in - top_in) / height_in,
            )
        )


def to_svg(drawn_axes: Any, name: str, title: str, description: str) -> str:
    """Return a plot as an ``svg`` element; call it in the block of its axes.

    Args:
        drawn_axes: The axes of the plot.
        name: What ids in it begin with, unique on the page.
        title: Its title for those who cannot see it.
        description: What it shows, in a sentence or two.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.StringIO()
    FigureCanvasSVG(drawn_axes.figure).print_svg(file, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r" *<metadata>.*?</metadata>\n?", "", text, flags=re.DOTALL)
    text = re.sub(r" *<style type=\"text/css\">.*?</style>\n?", "", text, flags=re.DOTALL)
    text = _ID.sub(lambda found: f"{found[1]}{name}-", text)
    text = _FONT.sub(lambda found: f"font: {found[1]}{found[2]}px var(--sans)", text)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, f"var({variable})")
    opening, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]*"', opening)
    width = re.search(r'width="([0-9.]+)pt"', opening)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box[0] if box else ""} role="img" aria-labelledby="{name}-title {name}-desc" '
        f'style="max-width:{float(width[1]) * 96 / 72 if width else 640:.0f}px">'
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(description)}</desc>{rest}'
    )
