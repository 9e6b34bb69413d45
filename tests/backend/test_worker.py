"""The worker as a real process: what it says, in which order, and what it leaves when it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from landscape_oracle import expect
from small_landscapes import hills, read_raster, write_raster

TOP = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
# Outputs are written, and then the worker dawdles.
SLOW_WRITER = """
import sys, time
from backend import outputs
straight = outputs.Outputs.write
def slow(self, name, writer):
    straight(self, name, writer)
    time.sleep(60)
outputs.Outputs.write = slow
from backend.__main__ import main
sys.exit(main(["run", sys.argv[1]]))
"""
CHATTY = """
import os, sys
from backend.analyses import connectivity
straight = connectivity.run
def chatty(job, report, outputs):
    print("printed by a library")
    os.write(1, b"written by a C library\\n")
    os.system("echo said by a child")
    return straight(job, report, outputs)
connectivity.run = chatty
from backend.__main__ import main
sys.exit(main(["run", sys.argv[1]]))
"""


@dataclass
class Worker:
    """A running worker, its events as they come."""

    process: subprocess.Popen[bytes]
    events: list[dict[str, Any]] = field(default_factory=list)
    garbage: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.threads = [threading.Thread(target=self._listen), threading.Thread(target=self._overhear)]
        for thread in self.threads:
            thread.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                self.garbage.append(line)

    def _overhear(self) -> None:
        self.errors.extend(self.process.stderr)

    def wait_for(self, wanted: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not wanted():
            assert time.monotonic() < end, self.errors
            assert self.process.poll() is None, (self.events, self.errors)
            time.sleep(0.01)

    def step(self, text: str) -> bool:
        return any(text in event.get("step", "") for event in list(self.events))

    def fraction(self, text: str) -> float:
        return max((e["fraction"] for e in list(self.events) if text in e.get("step", "")), default=0.0)

    def tell(self, text: str) -> None:
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def end(self, seconds: float = PATIENCE) -> int:
        status = self.process.wait(seconds)
        for thread in self.threads:
            thread.join(5)
        return status

    @property
    def said(self) -> list[str]:
        """Names of all events but the heartbeats."""
        return [event["event"] for event in self.events if event["event"] != "heartbeat"]

    def last(self) -> dict[str, Any]:
        return [event for event in self.events if event["event"] != "heartbeat"][-1]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """What a worker sees; without a cache folder of its own it shares what the tests have compiled."""
    paths = os.pathsep.join(dict.fromkeys([str(TOP), *(path for path in sys.path if path)]))
    own = {name: value for name, value in os.environ.items() if name != "DRIFTWAY_CACHE"}
    return {**own, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}


@pytest.fixture
def start(environment) -> Iterator[Any]:
    started: list[Worker] = []

    def begin(*arguments: str) -> Worker:
        pipe = subprocess.PIPE
        command = [sys.executable, *(arguments if arguments[0] == "-c" else ("-m", "backend", *arguments))]
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        started.append(Worker(process))
        return started[-1]

    yield begin
    for worker in started:
        worker.process.kill()
        worker.end()
        worker.process.stdin.close()


@pytest.fixture(scope="module")
def rasters(tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("rasters")
    random = np.random.default_rng(0)
    pairs = {"small": hills(), "large": (random.random((200, 200)), random.uniform(0.3, 1, (200, 200)))}
    return {
        name: (
            write_raster(folder / f"{name}-quality.tif", pair[0]),
            write_raster(folder / f"{name}-movement.tif", pair[1]),
        )
        for name, pair in pairs.items()
    }


@pytest.fixture
def job(tmp_path, rasters) -> Any:
    def make(size: str = "small", **parameters: Any) -> str:
        quality, movement = map(str, rasters[size])
        plain = {
            "job": 1,
            "analysis": "connectivity",
            "id": "0123456789ab",
            "parameters": {"QUALITY": quality, "MOVEMENT": movement, **parameters},
            "outputs": {"FUNCTIONAL_HABITAT": str(tmp_path / "habitat.tif"), "REPORT": str(tmp_path / "report.html")},
            "device": "cpu",
            "threads": 1,
        }
        path = tmp_path / "job.json"
        path.write_text(json.dumps(plain), encoding="utf-8")
        return str(path)

    return make


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "job.json")


# --- a run that goes well -----------------------------------------------------------------------------------------


def test_a_run_from_hello_to_result(start, job, tmp_path):
    worker = start("run", job())
    assert worker.end() == 0, worker.errors
    assert worker.said[0] == "hello"
    assert worker.said[-1] == "result"
    assert set(worker.said[1:-1]) <= {"message", "warning", "progress"}
    assert not worker.garbage
    hello = next(event for event in worker.events if event["event"] == "hello")
    assert (hello["protocol"], hello["device"], hello["pid"]) == (1, "cpu", worker.process.pid)
    assert {"backend", "python", "jax", "devices", "memory"} <= set(hello)
    fractions = [event["fraction"] for event in worker.events if event["event"] == "progress"]
    assert min(fractions) >= 0
    assert max(fractions) <= 1
    result = worker.last()
    expected = expect(*hills())
    for name, value in expected.numbers.items():
        assert result["numbers"][name] == pytest.approx(value, rel=1e-11)
    assert result["usage"]["seconds"] > 0
    assert result["usage"]["peak_memory"] > 50e6
    assert result["outputs"] == {
        "FUNCTIONAL_HABITAT": str(tmp_path / "habitat.tif"),
        "REPORT": str(tmp_path / "report.html"),
    }
    np.testing.assert_allclose(read_raster(tmp_path / "habitat.tif")[0], expected.functional, 2e-7, 1e-12)
    assert left_behind(tmp_path) == ["habitat.tif", "report.html"]


def test_what_libraries_and_children_print_stays_out_of_the_protocol(start, job):
    worker = start("-c", CHATTY, job())
    assert worker.end() == 0, worker.errors
    assert not worker.garbage
    said = b"".join(worker.errors)
    for text in (b"printed by a library", b"written by a C library", b"said by a child"):
        assert text in said


def test_a_number_that_is_none_is_null(start, job):
    """No pair counts: the mean distance is no number, and JSON has no NaN."""
    worker = start("run", job(DISPERSAL_DISTANCE=5.0, CUTOFF=0.9))
    assert worker.end() == 0, worker.errors
    assert worker.last()["numbers"]["MEAN_DISTANCE"] is None
    assert worker.last()["numbers"]["C"] == 0
    assert any("No cell reaches another" in event.get("text", "") for event in worker.events)


# --- stopping -----------------------------------------------------------------------------------------------------


def stopped(worker: Worker, seconds: float = 2.0) -> None:
    asked = time.monotonic()
    assert worker.end(10) == 3
    assert time.monotonic() - asked < seconds
    assert worker.said[-1] == "cancelled"


@pytest.mark.parametrize("moment", ["starting", "compiling", "computing"])
def test_a_polite_cancel_ends_it_within_two_seconds(start, job, tmp_path, moment):
    worker = start("run", job("large", DISPERSAL_DISTANCE=200.0))
    if moment == "compiling":
        worker.wait_for(lambda: worker.step("Computing"))
    elif moment == "computing":
        worker.wait_for(lambda: worker.fraction("Computing") > 0.001)
    else:
        worker.wait_for(lambda: worker.events)
    worker.tell('{"command": "cancel"}')
    stopped(worker)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("how", ["cancel", "caller gone"])
def test_a_stop_while_writing_leaves_nothing(start, job, tmp_path, how):
    worker = start("-c", SLOW_WRITER, job())
    worker.wait_for(lambda: left_behind(tmp_path))
    assert left_behind(tmp_path) == [".habitat.0123456789ab.part.tif"]
    if how == "cancel":
        worker.tell('{"command": "cancel"}')
    else:
        worker.process.stdin.close()
    stopped(worker)
    assert left_behind(tmp_path) == []


def test_it_ends_when_its_caller_is_gone(start, job, tmp_path):
    worker = start("run", job("large", DISPERSAL_DISTANCE=200.0))
    worker.wait_for(lambda: worker.step("Computing"))
    worker.process.stdin.close()
    stopped(worker)
    assert left_behind(tmp_path) == []


def test_it_ends_when_nobody_reads_any_more(environment, job, tmp_path):
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "run", job("large", DISPERSAL_DISTANCE=200.0)],
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    os.close(writer)
    os.read(reader, 10)
    os.close(reader)
    assert process.wait(PATIENCE) == 3
    process.stdin.close()
    assert left_behind(tmp_path) == []


def test_what_is_no_command_does_no_harm(start, job):
    worker = start("run", job())
    for text in ("", "cancel", "[1]", "7", '{"command": "dance"}'):
        worker.tell(text)
    worker.process.stdin.write(b"\xff\xfe\n")
    worker.process.stdin.flush()
    assert worker.end() == 0, worker.errors
    assert worker.said[-1] == "result"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_what_a_killed_worker_leaves_has_the_agreed_name(start, job, tmp_path):
    worker = start("-c", SLOW_WRITER, job())
    worker.wait_for(lambda: left_behind(tmp_path))
    worker.process.kill()
    assert worker.end() == -signal.SIGKILL
    assert left_behind(tmp_path) == [".habitat.0123456789ab.part.tif"]


# --- failing ------------------------------------------------------------------------------------------------------


def failed(worker: Worker) -> dict[str, Any]:
    assert worker.end() == 1, worker.errors
    assert worker.said[-1] == "error"
    assert not worker.garbage
    return worker.last()


def test_bad_input_is_an_error_with_parameter_and_remedy(start, job, tmp_path):
    error = failed(start("run", job(MOVEMENT="/nowhere/slope.tif")))
    assert (error["code"], error["parameter"]) == ("bad_input", "MOVEMENT")
    assert "cannot be opened" in error["message"]
    assert error["remedy"] == "Check the path."
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"job": 1, "analysis": "corridors", "parameters": {}}', "There is no analysis 'corridors'"),
        ('{"job": 1, "analysis":', "cannot be read as a job"),
        ("[]", "holds no job"),
    ],
)
def test_a_bad_job_is_an_error(start, tmp_path, text, message):
    path = tmp_path / "job.json"
    path.write_text(text, encoding="utf-8")
    error = failed(start("run", str(path)))
    assert error["code"] == "bad_input"
    assert message in error["message"]


def test_a_bug_is_an_error_with_its_name_and_a_traceback(start, job):
    code = CHATTY.replace("return straight(job, report, outputs)", "raise KeyError('missing piece')")
    worker = start("-c", code, job())
    error = failed(worker)
    assert (error["code"], error["message"]) == ("internal", "KeyError: 'missing piece'")
    assert b"Traceback" in b"".join(worker.errors)


def test_usage(environment):
    found = subprocess.run(
        [sys.executable, "-m", "backend", "fly"], env=environment, capture_output=True, timeout=PATIENCE
    )
    assert found.returncode == 2
    assert b"usage: python -m backend" in found.stderr


# --- describe and check -------------------------------------------------------------------------------------------


def test_the_committed_catalogue_is_that_of_the_code(environment):
    found = subprocess.run(
        [sys.executable, "-m", "backend", "describe"],
        env=environment,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    committed = TOP / "processing_provider" / "catalogue.json"
    assert found.stdout.decode("utf-8") == committed.read_text(encoding="utf-8"), "write it anew with `describe`"


def test_the_self_test_passes(start):
    worker = start("check")
    assert worker.end() == 0, worker.errors
    assert worker.said == ["hello", "result"]
    assert worker.last()["numbers"]["RELATIVE_ERROR"] < 1e-12


def test_the_self_test_does_not_pass_over_nan(start):
    """A broken engine's answer may be no number at all."""
    code = (
        "import sys; from backend import self_test\n"
        "self_test.computed_connectivity = lambda: (float('nan'), float('nan'))\n"
        "sys.exit(self_test.run())"
    )
    assert "The self-test gives nan" in failed(start("-c", code))["message"]
