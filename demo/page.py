"""One page that joins what the demo made."""

from __future__ import annotations

import html
from pathlib import Path

from .pictures import Picture
from .toolbox import Run

_CSS = """
body{font:16px/1.55 system-ui,sans-serif;color:#1c2430;max-width:1180px;margin:2em auto;padding:0 1em}
h1{font-size:2em;margin-bottom:.1em}h2{margin-top:2.2em;border-bottom:1px solid #d8dee6}
img{max-width:100%;border:1px solid #e6eaef}figure{margin:1.4em 0}figcaption,.sub{color:#5a6675}
table{border-collapse:collapse}td{padding:.2em 1em .2em 0;border-bottom:1px solid #e6eaef}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1.2em}.pair figure{margin:.6em 0}
td.n{text-align:right;font-variant-numeric:tabular-nums}pre{background:#f4f6f8;padding:.8em;overflow-x:auto;font-size:13px}
"""
_QUESTIONS = {
    "connectivity": ("Where is habitat connected?", ("functional_habitat", "accessible_habitat")),
    "sensitivity": ("Where does connectivity depend on movement most?", ("sensitivity", "elasticity")),
    "prioritisation": ("Where to act first?", ("selection", "rank")),
}


def render(
    title: str, about: str, runs: dict[str, Run], headlines: dict[str, list[tuple[str, str]]], found: list[Picture]
) -> str:
    """Return the page as HTML; it names files beside it.

    Parameters
    ----------
    title, about : str
        Of the landscape.
    runs : dict of Run
        By the algorithm's id without ``driftway:``.
    headlines : dict
        Label and value of what each run found.
    found : list of Picture
        All maps.
    """
    by_name = {picture.name: picture for picture in found}
    parts = [f"<p>{html.escape(about)}</p>", _figure("overview", "A part of the landscape in the three maps.")]
    parts.append("<h2>What goes in</h2>")
    parts.append(_pair([by_name[name] for name in ("quality", "permeability")]))
    for name, (question, shown) in _QUESTIONS.items():
        run = runs[name]
        parts.append(f"<h2>{html.escape(question)}</h2>{_table(headlines[name])}")
        parts.append(_pair([by_name[picture] for picture in shown]))
        parts.append(f"<p>{_files(run)}</p><p class=sub>The same by hand:</p><pre>{html.escape(run.command)}</pre>")
    parts.append(
        "<p>All layers in their styles: <a href='driftway-demo.qgz'>driftway-demo.qgz</a> (open it in QGIS).</p>"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{_CSS}</style>"
        f"<h1>{html.escape(title)}</h1>{''.join(parts)}</html>\n"
    )


def _figure(name: str, caption: str) -> str:
    return f"<figure><a href='{name}.png'><img src='{name}.png' alt='{html.escape(caption)}'></a><figcaption>{html.escape(caption)}</figcaption></figure>"


def _pair(found: list[Picture]) -> str:
    captions = [(picture.name, f"{picture.sheet.title}. {picture.sheet.subtitle}.") for picture in found]
    return f"<div class=pair>{''.join(_figure(*each) for each in captions)}</div>"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td>{html.escape(label)}</td><td class=n>{html.escape(value)}</td></tr>" for label, value in rows
    )
    return f"<table>{cells}</table>"


def _files(run: Run) -> str:
    names = [Path(value).name for value in run.results.values() if isinstance(value, str)]
    return "Files: " + ", ".join(f"<a href='{name}'>{html.escape(name)}</a>" for name in sorted(names))
