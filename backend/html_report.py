"""A self-contained HTML report: maps, histograms, curves, numbers and parameters."""

from __future__ import annotations

import base64
import contextlib
import html
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from . import __version__
from .declarations import Declaration, Style
from .job import Job
from .ramps import RAMPS

_MAP_PIXELS = 900
_QUANTILES = 64
_LOG_SPAN, _RATIO_SHARE = 1e4, 0.98
_CSS = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2430;max-width:960px;margin:2em auto;padding:0 1em}
h1{font-size:1.7em;margin-bottom:0}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #d8dee6}
.sub{color:#5a6675}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25em .6em;
border-bottom:1px solid #e6eaef;vertical-align:top}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
img{max-width:100%;image-rendering:pixelated;border:1px solid #d8dee6}.bar{height:12px;width:320px;display:inline-block}
.warn{background:#fff4e0;border-left:4px solid #e8a33d;padding:.4em .8em;margin:.4em 0}svg{max-width:100%}
"""


@dataclass
class HtmlReport:
    """Collects sections and renders them.

    Parameters
    ----------
    job : Job
        What was run.
    warnings : list of str
        What the reader has to know before the numbers.
    """

    job: Job
    warnings: list[str]
    sections: list[str] = field(default_factory=list)

    @property
    def _declaration(self) -> Declaration:
        return self.job.declaration

    def add_numbers(self, numbers: dict[str, Any]) -> None:
        """Add the table of numbers, with the labels and units of the declaration."""
        rows = []
        for output in self._declaration.outputs:
            if output.name in numbers:
                unit = getattr(output, "unit", "")
                value = f"{number(numbers[output.name])} {html.escape(unit)}"
                rows.append(_row(output.label, value, output.help))
        self.sections.append(f"<h2>Numbers</h2><table>{''.join(rows)}</table>")

    def add_map(
        self, name: str, values: NDArray[Any], valid: NDArray[np.bool_], title: str = "", *, step: int = 1
    ) -> None:
        """Add a map of an output with its declared style, and a histogram of its values.

        With `step` above 1 the values are those of every so many rows and columns only, which the page says.
        """
        output = next(o for o in self._declaration.outputs if o.name == name)
        style: Style = output.style  # type: ignore[attr-defined]
        heading = html.escape(title or output.label)
        if not valid.any():
            self.sections.append(f"<h2>{heading}</h2><p>No cell has a value.</p>")
            return
        picture, legend = _picture(np.asarray(values, float), valid, style)
        parts = [f"<h2>{heading}</h2><p class=sub>{html.escape(output.help)}</p>"]
        parts.append(f"<img alt='Map of {heading}' src='data:image/png;base64,{picture}'><p>{legend}</p>")
        if style.stretch != "classes":
            parts.append(_histogram(np.asarray(values, float)[valid]))
        if step > 1:
            parts.append(f"<p class=sub>Of every {step}th row and column.</p>")
        self.sections.append("".join(parts))

    def add_curve(self, title: str, x_label: str, y_label: str, lines: dict[str, tuple[list[float], str]]) -> None:
        """Add a line plot; `lines` maps a label to (values, colour), the first entry ``"x"`` holds the abscissa."""
        self.sections.append(f"<h2>{html.escape(title)}</h2>{_plot(x_label, y_label, lines)}")

    def add_table(self, title: str, header: list[str], rows: list[list[Any]]) -> None:
        """Add a table of numbers."""
        head = "".join(f"<th>{html.escape(h)}</th>" for h in header)
        body = "".join("<tr>" + "".join(f"<td class=n>{number(v)}</td>" for v in row) + "</tr>" for row in rows)
        self.sections.append(f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>{body}</table>")

    def render(self) -> str:
        """Return the page."""
        declaration = self._declaration
        warnings = "".join(f"<p class=warn>{html.escape(w)}</p>" for w in self.warnings)
        parameters = "".join(
            _row(p.label, html.escape(_shown(self.job.parameters[p.name])), p.name) for p in declaration.parameters
        )
        definitions = "".join(f"<p>{paragraph}</p>" for paragraph in declaration.help)
        references = "".join(f"<li>{html.escape(reference)}</li>" for reference in declaration.references)
        title = html.escape(declaration.label)
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title} - Driftway</title><style>{_CSS}</style>"
            f"<h1>{title}</h1><p class=sub>{html.escape(declaration.summary)}</p>{warnings}{''.join(self.sections)}"
            f"<h2>Parameters</h2><table>{parameters}</table><h2>Definitions</h2>{definitions}"
            f"<h2>References</h2><ul>{references}</ul><p class=sub>Driftway {__version__}</p></html>\n"
        )


def number(value: Any) -> str:
    """Return a number as people read it."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "&ndash;"
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, int) or 1e5 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.6g}"


def _row(label: str, value: str, note: str) -> str:
    return f"<tr><td>{html.escape(label)}</td><td class=n>{value}</td><td class=sub>{html.escape(note)}</td></tr>"


def _shown(value: Any) -> str:
    if value is None:
        return "(empty)"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _picture(values: NDArray[np.float64], valid: NDArray[np.bool_], style: Style) -> tuple[str, str]:
    step = max(1, math.ceil(max(values.shape) / _MAP_PIXELS))
    values, valid = values[::step, ::step], valid[::step, ::step]
    if style.stretch == "classes":
        stops = np.array([_rgb(colour) for _, _, colour in style.classes], float)
        index = np.searchsorted([value for value, _, _ in style.classes], values)
        colours = stops[np.clip(index, 0, len(stops) - 1)]
        legend = " &nbsp; ".join(
            f"<span class=bar style='width:14px;background:{colour}'></span> {html.escape(label)}"
            for _, label, colour in style.classes
        )
    else:
        colours, low, high = _ramped(values, valid, style)
        gradient = ",".join(RAMPS[style.ramp])
        note = " (equal shares of the cells per colour)" if style.stretch == "quantile" else ""
        legend = (
            f"{number(low)} <span class=bar style='background:linear-gradient(to right,{gradient})'></span> "
            f"{number(high)}{note}"
        )
    rgba = np.dstack([colours, np.where(valid, 255.0, 0.0)]).round().astype(np.uint8)
    return base64.b64encode(_png(rgba)).decode("ascii"), legend


def _ramped(
    values: NDArray[np.float64], valid: NDArray[np.bool_], style: Style
) -> tuple[NDArray[np.float64], float, float]:
    shown = values[valid] if valid.any() else np.zeros(1)
    low, high = float(shown.min()), float(shown.max())
    if style.stretch == "quantile":
        shares = np.linspace(0, 1, _QUANTILES + 1)
        edges, first = np.unique(np.quantile(shown, shares), return_index=True)
        place = np.interp(values, edges, shares[first])
    elif style.stretch in ("log", "ratio"):
        place, low, high = _in_logarithm(values, shown, style.stretch)
    else:
        if style.stretch == "diverging":
            high = max(abs(low), abs(high))
            low = -high
        place = (values - low) / (high - low) if high > low else np.zeros_like(values)
    stops = np.array([_rgb(colour) for colour in RAMPS[style.ramp]], float)
    at = np.linspace(0, 1, len(stops))
    place = np.nan_to_num(place)
    return np.dstack([np.interp(place, at, stops[:, channel]) for channel in range(3)]), low, high


def _in_logarithm(
    values: NDArray[np.float64], shown: NDArray[np.float64], stretch: str
) -> tuple[NDArray[np.float64], float, float]:
    """Return where values lie between the ends of a scale in the logarithm, about 1 for ratios, and these ends."""
    positive = shown[shown > 0]
    if not positive.size:
        return np.zeros_like(values), 0.0, 0.0
    if stretch == "ratio":
        reach = float(np.quantile(np.abs(np.log(positive)), _RATIO_SHARE)) or 1.0
        low, high = math.exp(-reach), math.exp(reach)
    else:
        high = float(positive.max())
        low = max(float(positive.min()), high / _LOG_SPAN)
    span = math.log(high / low) or 1.0
    return np.log(np.clip(values, low, high) / low) / span, low, high


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(rgba: NDArray[np.uint8]) -> bytes:
    rows, columns, _ = rgba.shape
    memory = gdal.GetDriverByName("MEM").Create("", columns, rows, 4, gdal.GDT_Byte)
    for band in range(4):
        memory.GetRasterBand(band + 1).WriteRaster(
            0, 0, columns, rows, np.ascontiguousarray(rgba[:, :, band]).tobytes()
        )
    name = f"/vsimem/driftway-{id(memory)}.png"
    gdal.GetDriverByName("PNG").CreateCopy(name, memory)
    size = gdal.VSIStatL(name).size
    file = gdal.VSIFOpenL(name, "rb")
    data = gdal.VSIFReadL(1, size, file)
    gdal.VSIFCloseL(file)
    for left in (name, name + ".aux.xml"):
        with contextlib.suppress(RuntimeError):  # where GDAL raises: there may be no second file
            gdal.Unlink(left)
    return bytes(data)


def _histogram(values: NDArray[np.float64]) -> str:
    low, high = (float(edge) for edge in np.quantile(values, [0.001, 0.999]))
    if not high - low > 1e-9 * max(abs(low), abs(high)):  # else bars would be rounding
        return f"<p class=sub>All but 0.2 % of the {values.size:,} cells hold {number(low)}.</p>"
    counts, _ = np.histogram(values, bins=60, range=(low, high))
    tallest = max(1, counts.max())
    bars = "".join(
        f"<rect x='{10 + 10 * i}' y='{110 - 100 * c / tallest:.1f}' width='9' height='{100 * c / tallest:.1f}' "
        "fill='#4c78a8'/>"
        for i, c in enumerate(counts)
    )
    return (
        f"<svg viewBox='0 0 620 135' width='620' role='img' aria-label='Histogram'>{bars}"
        f"<text x='10' y='128' font-size='12'>{number(low)}</text>"
        f"<text x='610' y='128' font-size='12' text-anchor='end'>{number(high)}</text></svg>"
        f"<p class=sub>{values.size:,} cells; mean {number(float(values.mean()))}, median "
        f"{number(float(np.median(values)))}; the lowest and the highest 0.1 % are not drawn.</p>"
    )


def _tick(value: float) -> str:
    """Return a number that fits beside an axis."""
    return number(value) if abs(value) < 1e6 else f"{value:.3g}"


def _plot(x_label: str, y_label: str, lines: dict[str, tuple[list[float], str]]) -> str:
    xs = lines["x"][0]
    curves = {label: entry for label, entry in lines.items() if label != "x"}
    every = [v for values, _ in curves.values() for v in values]
    low, high = min(0.0, *every), max(0.0, *every)
    span, reach = (high - low) or 1.0, (max(xs) or 1.0)
    parts = []
    for position, (label, (values, colour)) in enumerate(curves.items()):
        points = " ".join(f"{70 + 480 * x / reach:.1f},{250 - 220 * (v - low) / span:.1f}" for x, v in zip(xs, values))
        parts.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts.append(
            f"<text x='565' y='{40 + 18 * position}' font-size='13' fill='{colour}'>{html.escape(label)}</text>"
        )
    zero = 250 - 220 * (0 - low) / span
    return (
        "<svg viewBox='0 0 780 300' width='780' role='img'>"
        f"<line x1='70' y1='{zero:.1f}' x2='550' y2='{zero:.1f}' stroke='#9aa5b1'/>"
        "<line x1='70' y1='30' x2='70' y2='250' stroke='#9aa5b1'/>"
        f"<text x='64' y='36' font-size='12' text-anchor='end'>{_tick(high)}</text>"
        f"<text x='550' y='270' font-size='12' text-anchor='end'>{_tick(reach)}</text>"
        f"<text x='310' y='290' font-size='13' text-anchor='middle'>{html.escape(x_label)}</text>"
        f"<text x='70' y='18' font-size='13'>{html.escape(y_label)}</text>{''.join(parts)}</svg>"
    )
