"""The benchmark makes its table from tasks, checks their results, and finds tasks without importing them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
ENGINE = TOP / ".driftway" / "engine"

TASK = """
import time
import numpy as np
from bench.contest import Case, Contestant, Task, Work, largest_error

def prepare(factor):
    def made(inputs):
        values = inputs["values"]
        return Work(lambda: factor * values, lambda found: {"doubled": found}, len(values))
    return made

def broken(inputs):
    raise ValueError("no such library")

TASKS = (
    Task(
        name="doubling", title="Doubling", introduction="Twice.", unit="ns per value", scale=1e9,
        contestants=(
            Contestant("Ours", "float64", "engine", prepare(2.0), ours=True, caches=True),
            Contestant("Reference", "float64", "peers", prepare(2.0), reference=True),
            Contestant("Wrong", "float32", "peers", prepare(2.1)),
            Contestant("Broken", "float32", "peers", broken),
            Contestant("Absent", "float32", "peers", broken, answers=lambda case: False),
        ),
        cases=lambda quick: [Case("thousand", "1000 values")] if quick else [],
        inputs=lambda case: {"values": np.arange(1.0, 1001.0)},
        error=lambda result, reference, inputs: largest_error(result, reference),
        remarks=lambda rows: [f"{len(rows)} rows"],
    ),
)
"""


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    paths = os.pathsep.join(filter(None, [environment.get("ENGINE"), str(TOP)]))
    # The paths that pytest was given would shadow the engine's.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    settings = {**outer, "ENGINE": "", "PEERS": sys.executable, **environment, "PYTHONPATH": paths}
    return subprocess.run(command, cwd=TOP, env=settings, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("bench")
    more = folder / "more_tasks"
    more.mkdir()
    (more / "__init__.py").write_text("", encoding="utf-8")
    (more / "doubling.py").write_text(TASK, encoding="utf-8")
    (more / "no_task.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    output = folder / "results"
    return bench("doubling", "--quick", "--tasks-from", str(more), "--output", str(output)), output


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "benchmarks.csv").open(encoding="utf-8") as file:
        return {row["tool"]: row for row in csv.DictReader(file)}


def test_every_contestant_has_a_row_with_times_and_memory(doubling) -> None:
    done, folder = doubling
    assert done.returncode == 0, done.stderr
    rows = rows_of(folder)
    assert list(rows) == ["Ours", "Reference", "Wrong", "Broken"]
    for tool in ("Ours", "Reference", "Wrong"):
        assert float(rows[tool]["cpu"]) >= 0
        assert float(rows[tool]["wall"]) > 0
        assert float(rows[tool]["peak"]) > 1e6
        assert int(rows[tool]["runs"]) >= 3
    assert float(rows["Ours"]["cold"]) > 0
    assert float(rows["Ours"]["cached"]) > 0
    assert rows["Reference"]["cached"] == ""


def test_results_are_checked_against_the_reference(doubling) -> None:
    rows = rows_of(doubling[1])
    assert float(rows["Ours"]["error"]) == 0
    assert rows["Reference"]["error"] == ""
    assert float(rows["Wrong"]["error"]) == pytest.approx(0.05)
    assert [rows[tool]["wrong"] for tool in ("Ours", "Wrong")] == ["False", "True"]
    assert "no such library" in rows["Broken"]["failure"]


def test_the_table_and_the_plot_name_every_tool(doubling) -> None:
    done, folder = doubling
    page = (folder / "benchmarks.md").read_text(encoding="utf-8")
    for text in ("## Doubling", "**Ours**", "**differs**", "no such library", "- 4 rows", "cores"):
        assert text in page
        assert text in done.stdout
    drawing = ElementTree.fromstring((folder / "benchmarks.svg").read_text(encoding="utf-8"))
    titles = [title.text for title in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 3


def test_neither_machine_nor_paths_are_named(doubling) -> None:
    page = (doubling[1] / "benchmarks.md").read_text(encoding="utf-8")
    assert os.uname().nodename not in page
    assert str(TOP) not in page


def test_a_task_that_is_not_there_is_refused() -> None:
    done = bench("no_such_task")
    assert done.returncode == 2
    assert "least_cost" in done.stderr


@pytest.mark.skipif(not ENGINE.exists(), reason="the compute engine is not set up")
def test_least_cost_agrees_with_its_peers_in_a_tiny_window(tmp_path: Path) -> None:
    """The engine brings SciPy and Numba, so it stands in for the peers' environment."""
    script = (
        "import sys\n"
        "from bench import landscapes, least_cost\n"
        "inputs = least_cost.inputs(least_cost._case('rough', 4, False))\n"
        "inputs['resistance'] = inputs['resistance'][:3]\n"
        "found = {}\n"
        "for each in least_cost.TASKS[0].contestants[:1] + least_cost.TASKS[0].contestants[3:4]:\n"
        "    work = each.prepare(inputs)\n"
        "    assert work.items == 3 * 12 * 12 * 16\n"
        "    found[each.name] = work.result(work.run())\n"
        "print(least_cost.error(found['Driftway'], found['SciPy dijkstra'], inputs))\n"
        "changed = {'distance': found['Driftway']['distance'].copy()}\n"
        "changed['distance'][0, 0, 5, 5] *= 0.99\n"
        "print(least_cost.error(changed, found['SciPy dijkstra'], inputs))\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # The cache of kernels that the toolbox of this checkout uses.
    environment |= {"PYTHONPATH": f"{ENGINE}{os.pathsep}{TOP}", "OPENBLAS_NUM_THREADS": "1"}
    environment["DRIFTWAY_CACHE"] = str(TOP / ".driftway" / "home" / "cache")
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    exact, changed = map(float, done.stdout.split())
    assert exact < 1e-5
    assert changed > 5e-3
