"""The benchmark makes its table from tasks, checks their results, and finds tasks without importing them."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.contest import Row
from bench.failures import told
from bench.targets import Target, own, times_case, times_own, times_tool

TOP = Path(__file__).resolve().parents[1]
ENGINE = TOP / ".driftway" / "engine"

TASK = """
import time
import numpy as np
from bench.contest import Case, Contestant, Task, Work, largest_error
from bench.targets import Target, own, times_own

def prepare(factor):
    def made(inputs):
        values = inputs["values"]
        return Work(lambda: factor * values, lambda found: {"doubled": found}, len(values))
    return made

def broken(inputs):
    raise ValueError("no such library")

def missing(inputs):
    import no_such_package

TASKS = (
    Task(
        name="doubling", title="Doubling", introduction="Twice.", unit="ns per value", scale=1e9,
        contestants=(
            Contestant("Ours", "float64", "engine", prepare(2.0), ours=True, caches=True),
            Contestant("Reference", "float64", "peers", prepare(2.0), reference=True),
            Contestant("Wrong", "float32", "peers", prepare(2.1)),
            Contestant("Broken", "float32", "peers", broken),
            Contestant("Missing", "float32", "peers", missing),
            Contestant("Told", "float64", "peers", broken, cited=(1e9, 7e9), note="as others say"),
            Contestant("Absent", "float32", "peers", broken, answers=lambda case: False),
        ),
        cases=lambda quick: [Case("thousand", "1000 values")] if quick else [],
        inputs=lambda case: {"values": np.arange(1.0, 1001.0)},
        error=lambda result, reference, inputs: largest_error(result, reference),
        remarks=lambda rows: [f"{len(rows)} rows"],
        targets=(
            Target("a minute", 60e9, "ns per value", own("")),
            Target("the wrong one", 1e6, "x ours", times_own("Wrong"), at_least=True, bounded_by="Both double."),
            Target("nobody", 1, "x ours", times_own("Nobody"), at_least=True),
        ),
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
    assert list(rows) == ["Ours", "Reference", "Wrong", "Broken", "Missing", "Told"]
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
    for text in (
        "## Doubling",
        "**Ours**",
        "**differs**",
        "no result: ValueError: no such library",
        "- 6 rows",
        "cores",
    ):
        assert text in page
        assert text in done.stdout
    drawing = ElementTree.fromstring((folder / "benchmarks.svg").read_text(encoding="utf-8"))
    titles = [title.text for title in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 4


def test_what_is_missing_is_told_once_and_what_is_cited_is_said_to_be(doubling) -> None:
    page = (doubling[1] / "benchmarks.md").read_text(encoding="utf-8")
    assert page.count("Missing") == 1
    assert "- Missing, float32 does not take part: no_such_package is not installed." in page
    (told,) = [line for line in page.splitlines() if "| Told |" in line]
    assert "cited" in told
    assert "7,000" in told


def test_targets_are_judged_from_the_rows_and_summed_up_at_the_top(doubling) -> None:
    page = (doubling[1] / "benchmarks.md").read_text(encoding="utf-8")
    top, below = page.split("## How to read the tables")
    assert "Target a minute: at most 6e+10 ns per value; measured " in below
    assert "1 of 2 targets are met; not reached:" in top
    assert top.count("**missed**. Both double.") == below.count("**missed**. Both double.") == 1
    assert "nobody" not in page
    (line,) = [line for line in top.splitlines() if line.startswith("| [Doubling](#doubling)")]
    # The wrong one is quicker than the one that is cited, but wrong.
    assert "Reference" in line
    assert line.endswith("| 1 of 2 |")


def test_neither_machine_nor_paths_are_named(doubling) -> None:
    page = (doubling[1] / "benchmarks.md").read_text(encoding="utf-8")
    assert os.uname().nodename not in page
    assert str(TOP) not in page


def test_a_task_that_is_not_there_is_refused() -> None:
    done = bench("no_such_task")
    assert done.returncode == 2
    assert "least_cost" in done.stderr


def test_contestants_that_are_not_there_are_refused() -> None:
    done = bench("least_cost", "--only", "abacus")
    assert done.returncode == 2
    assert "abacus" in done.stderr


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


SLEEPER = """
import os, pathlib, subprocess, sys, time
import numpy as np
from bench.contest import Case, Contestant, Task, Work

def prepare(inputs):
    def run():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
        pathlib.Path(os.environ["BENCH_TEST_PIDS"]).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(100)
    return Work(run, lambda found: {}, 1)

TASKS = (
    Task(
        name="sleeping", title="Sleeping", introduction="", unit="s", scale=1, error=None,
        contestants=(Contestant("Ours", "float64", "engine", prepare, ours=True),),
        cases=lambda quick: [Case("long", "")], inputs=lambda case: {"nothing": np.zeros(1)},
    ),
)
"""


def sleeper(folder: Path) -> tuple[list[str], Path]:
    more = folder / "sleeping_tasks"
    more.mkdir()
    (more / "__init__.py").write_text("", encoding="utf-8")
    (more / "sleeping.py").write_text(SLEEPER, encoding="utf-8")
    return ["sleeping", "--tasks-from", str(more), "--output", str(folder / "results")], folder / "pids"


def runs_on(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are not listed here")
def test_a_contestant_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    arguments, told = sleeper(tmp_path)
    done = bench(*arguments, "--patience", "4", BENCH_TEST_PIDS=str(told))
    assert "Ours fails: long: Ours, float64: not done within 4 s" in done.stderr
    assert not any(runs_on(int(each)) for each in told.read_text(encoding="ascii").split())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are not listed here")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_behind(tmp_path: Path, how: signal.Signals) -> None:
    arguments, told = sleeper(tmp_path)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    settings = {**outer, "ENGINE": "", "PEERS": sys.executable, "PYTHONPATH": str(TOP), "BENCH_TEST_PIDS": str(told)}
    # What starts in the background may ignore interrupts; the terminal's foreground does not.
    script = (
        "import runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"sys.argv = ['bench', *{arguments!r}]\n"
        "runpy.run_module('bench', run_name='__main__', alter_sys=True)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", script], cwd=TOP, env=settings, stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: told.exists() and len(told.read_text(encoding="ascii").split()) == 2)
    running.send_signal(how)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 128 + how, errors
    assert wait_until(lambda: not any(runs_on(int(each)) for each in told.read_text(encoding="ascii").split()))


@pytest.mark.parametrize(
    ("status", "errors", "said"),
    [
        (1, "RESOURCE_EXHAUSTED: Out of memory allocating 2948711141976 bytes.\n", "ran out of memory: asks for 3 TB"),
        (
            1,
            "MemoryError: Unable to allocate 20.5 GiB for an array with shape (9, 9)\n",
            "ran out of memory: asks for 22 GB",
        ),
        (1, "Traceback ...\nMemoryError\n", "ran out of memory"),
        (-9, "", "ran out of memory"),
        (-11, "", "ended by signal SIGSEGV"),
        (1, "Traceback ...\nModuleNotFoundError: No module named 'cvxopt.cholmod'\n", "cvxopt is not installed"),
        (
            1,
            "ValueError: in /home/someone/file.py\n--------------------\nFor simplicity, JAX has removed ...\n",
            "ValueError: in a file",
        ),
        (3, "", "exit status 3"),
    ],
)
def test_failures_are_told_as_sentences(status: int, errors: str, said: str) -> None:
    assert told(status, errors) == said


def row(case: str, tool: str, cpu: float | None, *, ours: bool = False, peak: float = 1e9) -> Row:
    return Row("task", case, "", tool, "float64", ours, cpu=cpu, wall=cpu, peak=peak)


def test_targets_take_the_worst_case_of_the_first_of_ours() -> None:
    rows = [
        row("small, alone", "Ours", 2.0, ours=True),
        row("small, alone", "Ours too", 1.0, ours=True),
        row("small, alone", "Peer", 30.0),
        row("small, both", "Ours", 5.0, ours=True, peak=3e9),
        row("large, alone", "Ours", 4.0, ours=True),
        row("large, alone", "Peer", 40.0),
        row("large, both", "Ours", None, ours=True),
    ]
    assert list(own("alone")(rows)) == [2, 4]
    assert list(own("both", "peak", per=1e9)(rows)) == [3]
    assert list(times_own("Peer")(rows)) == [15, 10]
    assert list(times_case("both", "alone")(rows)) == [2.5]
    assert list(times_tool("Pe", "Ours", "small")(rows)) == [15]
    quick = Target("of the peer", 12, "x ours", times_own("Peer"), at_least=True, bounded_by="The disk.").verdict(rows)
    assert quick is not None
    assert not quick.met
    assert quick.sentence() == (
        "Target of the peer: at least 12 x ours; measured 10, the worst of 2: **missed**. The disk."
    )
    within = Target("alone", 4, "s", own("alone"), bounded_by="The disk.").verdict(rows)
    assert within is not None
    assert within.sentence() == "Target alone: at most 4 s; measured 4, the worst of 2: met."
    assert Target("absent", 4, "s", own("nowhere")).verdict(rows) is None
