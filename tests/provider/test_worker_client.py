"""The worker client against workers that behave in every way a worker can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from driftway.processing_provider.worker_client import (
    Timing,
    WorkerCancelledError,
    WorkerError,
    WorkerResult,
    remove_unfinished,
    run_worker,
)

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FAKE_WORKER = HERE / "fake_worker.py"
QUICK = Timing(poll=0.02, silence_noted=0.3, silence_ended=0.9)
POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


class Ear:
    """A listener that remembers, and cancels when it has heard enough."""

    def __init__(self, cancel_after: float | None = None) -> None:
        self.heard: list[tuple] = []
        self.first = threading.Event()
        self._cancel_at = None if cancel_after is None else time.monotonic() + cancel_after
        self.cancelled_at: float | None = None

    def progress(self, fraction: float, step: str) -> None:
        self.heard.append(("progress", fraction, step))

    def message(self, text: str) -> None:
        self.heard.append(("message", text))

    def warning(self, text: str) -> None:
        self.heard.append(("warning", text))

    def debug(self, text: str) -> None:
        self.heard.append(("debug", text))
        self.first.set()

    def is_cancelled(self) -> bool:
        now = time.monotonic()
        wanted = self._cancel_at is not None and now > self._cancel_at and self.first.is_set()
        if wanted and self.cancelled_at is None:
            self.cancelled_at = now
        return wanted

    def of(self, kind: str) -> list:
        return [entry[1] for entry in self.heard if entry[0] == kind]


def run(mode: str, ear: Ear, timing: Timing = QUICK) -> WorkerResult:
    return run_worker([sys.executable, str(FAKE_WORKER), mode], dict(os.environ), ear, timing=timing)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def gone_within(process: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_running(process):
            return True
        time.sleep(0.02)
    return False


def test_a_result_arrives_with_its_numbers_and_progress() -> None:
    ear = Ear()
    result = run("result", ear)
    assert result.numbers == {"C": 1.5}
    assert result.outputs == {"A": "/a.tif"}
    assert result.usage == {"seconds": 1.0}
    assert result.hello["backend"] == "0"
    assert ("progress", 0.25, "Computing") in ear.heard


def test_an_error_names_parameter_and_remedy() -> None:
    with pytest.raises(WorkerError, match=r"^QUALITY: It is empty\. Fill it\.$") as caught:
        run("error", Ear())
    assert caught.value.code == "bad_input"
    assert caught.value.parameter == "QUALITY"


def test_garbage_on_stdout_is_logged_and_does_no_harm() -> None:
    ear = Ear()
    assert run("garbage", ear).numbers == {"C": 1.0}
    logged = "\n".join(ear.of("debug"))
    for text in ("not json", "{broken", "[1, 2]", '"text"', "unheard"):
        assert text in logged


def test_a_worker_of_another_protocol_is_refused() -> None:
    with pytest.raises(WorkerError, match="protocol 99"):
        run("protocol", Ear())


def test_a_silent_worker_is_noticed_then_ended() -> None:
    ear = Ear()
    started = time.monotonic()
    with pytest.raises(WorkerError, match="did not answer"):
        run("silent", ear)
    assert time.monotonic() - started < 5
    assert any("silent" in text for text in ear.of("message"))


def test_a_traceback_is_shown_by_its_last_lines() -> None:
    with pytest.raises(WorkerError, match="status 1") as caught:
        run("traceback", Ear())
    text = str(caught.value)
    assert "what went wrong" in text
    assert "line 99" in text
    assert "line 50" not in text


@POSIX_ONLY
def test_a_worker_killed_by_the_system_suggests_memory() -> None:
    with pytest.raises(WorkerError, match="memory ran out") as caught:
        run("killed", Ear())
    assert caught.value.code == "memory"
    assert "the last words" in str(caught.value)


def test_an_interpreter_that_does_not_exist_is_named() -> None:
    with pytest.raises(WorkerError, match="no such python"):
        run_worker(["/no such python"], {}, Ear())


@pytest.mark.parametrize("mode", ["polite", "stubborn", "silent"])
def test_a_cancelled_worker_is_gone_within_two_seconds(mode: str) -> None:
    ear = Ear(cancel_after=0.2)
    with pytest.raises(WorkerCancelledError):
        run(mode, ear, Timing())
    assert time.monotonic() - ear.cancelled_at < 2.0


def test_a_polite_worker_is_not_killed() -> None:
    ear = Ear(cancel_after=0.1)
    with pytest.raises(WorkerCancelledError):
        run("polite", ear, Timing(asked=30.0))
    assert time.monotonic() - ear.cancelled_at < 2.0


@POSIX_ONLY
def test_a_cancelled_worker_takes_its_children_along() -> None:
    ear = Ear(cancel_after=0.5)
    with pytest.raises(WorkerCancelledError):
        run("stubborn_family", ear, Timing())
    (child,) = [int(text.split()[1]) for text in ear.of("message")]
    assert gone_within(child, 2.0)


def test_a_worker_that_lingers_after_its_result_is_ended() -> None:
    started = time.monotonic()
    assert run("lingering", Ear(), Timing(poll=0.02, farewell=0.3)).numbers == {}
    assert time.monotonic() - started < 5


@POSIX_ONLY
def test_a_worker_ends_when_its_caller_is_killed() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from processing_provider.worker_client import run_worker\n"
        "class Ear:\n"
        "    progress = message = warning = lambda self, *a: None\n"
        "    debug = lambda self, text: None\n"
        "    is_cancelled = lambda self: False\n"
        "class Loud(Ear):\n"
        "    def debug(self, text): print(text, flush=True)\n"
        f"run_worker([sys.executable, {str(FAKE_WORKER)!r}, 'silent'], {{}}, Loud())\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    worker = int(caller.stdout.readline().rpartition(" ")[2])
    assert is_running(worker)
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    caller.stdout.close()
    assert gone_within(worker, 5.0)


def test_two_workers_at_once_do_not_disturb_each_other() -> None:
    results: list[WorkerResult] = []
    threads = [threading.Thread(target=lambda: results.append(run("result", Ear()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [result.numbers for result in results] == [{"C": 1.5}, {"C": 1.5}]


def test_a_listener_that_fails_takes_the_worker_along() -> None:
    class Deaf(Ear):
        def debug(self, text: str) -> None:
            raise RuntimeError("deaf")

    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="deaf"):
        run("stubborn", Deaf())
    assert set(threading.enumerate()) <= before


def test_only_the_unfinished_files_of_the_own_job_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "out [1]"
    folder.mkdir()
    mine = [folder / ".map.0123456789ab.part.tif", folder / ".map.0123456789ab.part.tif.aux.xml"]
    others = [folder / ".map.ba9876543210.part.tif", folder / "map.tif"]
    for path in mine + others:
        path.touch()
    removed = remove_unfinished({"MAP": str(folder / "map.tif")}, "0123456789ab")
    assert sorted(removed) == sorted(str(path) for path in mine)
    assert sorted(folder.iterdir()) == sorted(others)


def test_an_unfinished_folder_of_the_own_job_is_removed(tmp_path: Path) -> None:
    unfinished = tmp_path / ".results.0123456789ab.part"
    unfinished.mkdir()
    (unfinished / "half").touch()
    assert remove_unfinished({"FOLDER": str(tmp_path / "results")}, "0123456789ab") == [str(unfinished)]
    assert list(tmp_path.iterdir()) == []
