"""Help of a catalogue entry: rich text for the toolbox, plain text for the terminal."""

from __future__ import annotations

import html
import re
import textwrap
from typing import Any

from .translation import tr

_WIDTH = 96
_LINK = re.compile(r"(https?://[^\s<>]+)")


def plain(text: str) -> str:
    """Return simple HTML as text for a terminal or a tooltip.

    Sub- and superscripts become ``_i`` and ``^c``; a longer superscript is put in brackets.
    """
    text = re.sub(r"<sup>(.*?)</sup>", lambda m: "^" + _bracketed(m.group(1)), text)
    text = re.sub(r"<sub>(.*?)</sub>", r"_\1", text)
    text = re.sub(r"<br\s*/?>", "\n", text)
    return html.unescape(re.sub(r"<[a-zA-Z/][^>]*>", "", text))


def wrapped(text: str, indent: str = "") -> str:
    """Return text broken into lines for a terminal."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent * 2,
        break_long_words=False,
        break_on_hyphens=False,
    )


def rich_help(entry: dict[str, Any]) -> str:
    """Return the whole help as HTML, one paragraph a line: Processing makes a paragraph of every line."""
    lines = [f"<b>{_safe(entry['summary'])}</b>", *entry["help"]]
    for title, items in _sections(entry):
        lines.append(f"<b>{title}</b>")
        lines += [f"<b>{_safe(label)}</b> (<tt>{name}</tt>): {_safe(text)}" for name, label, text in items]
    if entry["references"]:
        lines.append(f"<b>{tr('References')}</b>")
        lines += [_LINK.sub(r'<a href="\1">\1</a>', _safe(reference)) for reference in entry["references"]]
    return "\n".join(line.replace("\n", " ") for line in lines)


def terminal_help(entry: dict[str, Any]) -> str:
    """Return the help as wrapped text; qgis_process prints the parameters itself, below it."""
    paragraphs = [wrapped(plain(paragraph)) for paragraph in entry["help"]]
    outputs = [wrapped(f"{o['name']}: {o['label']}{_unit(o)}. {plain(o['help'])}", "  ") for o in entry["outputs"]]
    paragraphs.append("\n".join([tr("What the outputs hold"), *outputs]))
    if entry["references"]:
        references = [wrapped(reference, "  ") for reference in entry["references"]]
        paragraphs.append("\n".join([tr("References"), *references]))
    return "\n" + "\n\n".join(paragraphs)


def parameter_help(parameter: dict[str, Any]) -> str:
    """Return one parameter's help as plain text, with its words (for scripts), range and default."""
    parts = [plain(parameter["help"])]
    if "options" in parameter:
        parts.append(tr("In scripts: {}.").format(", ".join(value for value, _ in parameter["options"])))
    parts += [part for part in (_range(parameter), _default(parameter)) if part]
    return " ".join(parts)


def _sections(entry: dict[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    parameters = [(p["name"], p["label"], f"{p['help']} {_range(p)}".strip()) for p in entry["parameters"]]
    outputs = [(o["name"], o["label"] + _unit(o), o["help"]) for o in entry["outputs"]]
    return [(tr("Parameters"), parameters), (tr("Outputs"), outputs)]


def _range(parameter: dict[str, Any]) -> str:
    low, high = parameter.get("minimum"), parameter.get("maximum")
    if low is not None and high is not None:
        return tr("From {} to {}.").format(f"{low:g}", f"{high:g}")
    if low is not None:
        return tr("At least {}.").format(f"{low:g}")
    return tr("At most {}.").format(f"{high:g}") if high is not None else ""


def _unit(output: dict[str, Any]) -> str:
    return f" ({output['unit']})" if output.get("unit") else ""


def _default(parameter: dict[str, Any]) -> str:
    default = parameter["default"]
    if default is None or isinstance(default, bool):
        return tr("Default: yes.") if default else ""
    shown = ", ".join(default) if isinstance(default, (list, tuple)) else default
    return tr("Default: {}.").format(f"{shown:g}" if isinstance(shown, float) else shown)


def _bracketed(exponent: str) -> str:
    return exponent if len(html.unescape(exponent)) == 1 else f"({exponent})"


def _safe(text: str) -> str:
    """Escape a bare `<` or `&` of declared text, which may hold simple HTML."""
    text = re.sub(r"&(?!#?\w+;)", "&amp;", text)
    return re.sub(r"<(?!/?[a-zA-Z])", "&lt;", text)
