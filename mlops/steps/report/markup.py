"""Markup of a report: escaped text, tables, plots with their numbers, and the style sheet."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops.steps.report.figures import Plot

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2430;--soft:#5a6472;--rule:#d5dae1;--panel:#f5f7f9;
--good:#17703f;--bad:#b3261e;--warn:#8a5a00;--candidate:#1f5fbf;--champion:#a8560f;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
--mono:ui-monospace,Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){:root{--paper:#14181e;--ink:#e6eaf0;--soft:#a3adba;--rule:#39424e;
--panel:#1c222a;--good:#5cc98a;--bad:#ff8a80;--warn:#e8b04a;--candidate:#7fb2ff;--champion:#f0a35e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 var(--sans)}
main{max-width:1180px;margin:0 auto;padding:20px 24px 60px}
h1{font-size:15px;font-weight:600;color:var(--soft);margin:0 0 6px}
h2{font-size:19px;margin:40px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
h3{font-size:15px;margin:0 0 6px}
p{margin:6px 0;max-width:75ch}
.verdict{font-size:21px;line-height:1.35;font-weight:600;margin:0 0 4px;max-width:62ch}
.verdict b{padding-right:6px}.promote b,.yes,.ok{color:var(--good)}.refuse b,.no,.failed{color:var(--bad)}
.warning{color:var(--warn)}.soft{color:var(--soft)}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));
gap:22px 34px;align-items:start}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr));gap:16px}
figure{margin:0 0 10px;min-width:0}figcaption{font-size:13px;color:var(--soft)}
svg{display:block;width:100%;height:auto;stroke-linejoin:round}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;width:100%}
th,td{text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{font-weight:600;color:var(--soft);white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
details{margin:4px 0 14px}summary{cursor:pointer;font-size:13px;color:var(--soft)}
code{font:12.5px/1.5 var(--mono);overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:0;font-size:14px}
dt{color:var(--soft)}dd{margin:0;min-width:0;overflow-wrap:anywhere}
ul{margin:4px 0;padding-left:20px}
.commands{background:var(--panel);border-radius:6px;padding:10px 14px;margin-top:16px}
.commands dl{grid-template-columns:1fr;gap:0}.commands dd{color:var(--soft);font-size:13px;margin-bottom:8px}
.key{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 4px 0 10px}
@media (max-width:560px){main{padding:14px 14px 40px}.verdict{font-size:18px}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:5px}}
@media print{:root{color-scheme:light}body{font-size:11px}main{max-width:none;padding:0}
h2,figure,tr{break-inside:avoid}h2{break-after:avoid}details{display:none}.scroll{overflow:visible}}
"""


def text(value: object) -> str:
    """Return a value as text that cannot become markup."""
    return html.escape(str(value))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table that scrolls by itself where it is too wide; ``right`` are columns of numbers."""

    def cells(tag: str, values: Sequence[str]) -> str:
        kinds = [' class="n"' if at in right else "" for at in range(len(values))]
        return "".join(
            f"<{tag}{kind}>{text(value)}</{tag}>" for kind, value in zip(kinds, values, strict=True)
        )

    head = f"<thead><tr>{cells('th', headings)}</tr></thead>"
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'


def key(*names: str) -> str:
    """Return the key of a plot: the colours of candidate and champion, by what they stand for."""
    colors = ("--candidate", "--champion")
    spans = (
        f'<span class="key" style="background:var({color})"></span>{text(name)}'
        for color, name in zip(colors, names, strict=False)
    )
    return f'<p class="soft">{"".join(spans)}</p>'


def plot(drawn: Plot, caption: str) -> str:
    """Return a plot with its caption, and its numbers as a table below it."""
    numbers = table(drawn.headings, drawn.rows, right=range(1, len(drawn.headings)))
    return (
        f"<figure>{drawn.svg}<figcaption>{text(caption)}</figcaption></figure>"
        f"<details><summary>Numbers</summary>{numbers}</details>"
    )


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Return terms with their descriptions; the descriptions are markup."""
    return "<dl>" + "".join(f"<dt>{text(term)}</dt><dd>{said}</dd>" for term, said in rows) + "</dl>"


def section(heading: str, *parts: str) -> str:
    """Return a section; empty where it has no content."""
    content = "\n".join(part for part in parts if part)
    return f"<section><h2>{text(heading)}</h2>\n{content}\n</section>\n" if content else ""


def document(title: str, body: str) -> bytes:
    """Return a whole page."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    ).encode("utf-8", "replace")
