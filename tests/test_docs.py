"""The documents name files, headings, algorithms, parameters and outputs that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *sorted((TOP / "docs").glob("*.md"))]
CATALOGUE = {
    entry["id"]: entry
    for entry in json.loads((TOP / "processing_provider" / "catalogue.json").read_text(encoding="utf-8"))["algorithms"]
}
MODELS = {path.stem: path for path in (TOP / "processing_provider" / "models").glob("*.model3")}
ENGINE = {"installengine", "enginestatus"}
#: Words in capitals that are neither a parameter nor an output.
OTHER_CAPITALS = {"DECLARATION", "CAPITALS"}

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def without_code(text: str) -> str:
    return re.sub(r"(?m)^    .*$", "", re.sub(r"(?ms)^```.*?^```$", "", text))


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.*)$", without_code(page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names_of(algorithm: str) -> set[str]:
    """Return what a command may name of an algorithm: parameters and outputs that are files."""
    if algorithm in CATALOGUE:
        entry = CATALOGUE[algorithm]
        return {one["name"] for one in (*entry["parameters"], *entry["outputs"])}
    return set(re.findall(r"[A-Z][A-Z0-9_]+", MODELS[algorithm].read_text(encoding="utf-8")))


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


def test_every_picture_is_shown_somewhere() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [path.name for path in sorted((TOP / "docs" / "images").iterdir()) if path.name not in text] == []


@EVERY_PAGE
def test_algorithms_are_there(page: Path) -> None:
    named = set(re.findall(r"driftway:([a-z]+)", page.read_text(encoding="utf-8")))
    assert named - set(CATALOGUE) - set(MODELS) - ENGINE == set()


def test_the_readme_names_every_algorithm() -> None:
    text = (TOP / "README.md").read_text(encoding="utf-8")
    assert [name for name in (*CATALOGUE, *MODELS) if f"driftway:{name}`" not in text] == []


def commands(page: Path) -> Iterator[tuple[str, set[str]]]:
    """Give the algorithm and the options of each command of a page."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"(?:run algorithm|qgis_process run) (.*)", text):
        algorithm = line.split()[0].removeprefix("driftway:")
        if algorithm.isalpha() and algorithm.islower():
            yield algorithm, set(re.findall(r"--([A-Z][A-Z0-9_]*)=", line))


@EVERY_PAGE
def test_commands_name_what_there_is(page: Path) -> None:
    wrong = [(algorithm, options - names_of(algorithm)) for algorithm, options in commands(page)]
    assert [one for one in wrong if one[1]] == []


@pytest.mark.parametrize("page", [path for path in PAGES if path.name != "developers.md"], ids=lambda path: path.name)
def test_parameters_and_outputs_are_there(page: Path) -> None:
    known = {name for algorithm in (*CATALOGUE, *MODELS) for name in names_of(algorithm)} | OTHER_CAPITALS
    text = without_code(page.read_text(encoding="utf-8"))
    named = {name for code in re.findall(r"`([^`\n]+)`", text) for name in re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", code)}
    assert {name for name in named if not name.startswith("DRIFTWAY_")} - known == set()
