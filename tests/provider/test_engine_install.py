"""The package folder is built aside and switched in whole, whatever interrupts it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
from fake_engine import leftovers, lock_of, make_wheel, recipe_of, this_python

from processing_provider import engine_install, engine_process
from processing_provider.engine import (
    EngineCancelled,
    EngineError,
    Interpreter,
    install,
    package_folder,
    remove,
    state,
    worker_environment,
)
from processing_provider.engine_process import run_lines

TOP = Path(__file__).resolve().parents[2]
SLEEP = ("-c", "import os, time; print('pid', os.getpid(), flush=True); time.sleep(60)")


class Place:
    """One wheelhouse, one lock and one home."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "hôme of the engine"
        self.wheelhouse = folder / "wheel house"
        self.wheel = make_wheel(self.wheelhouse)
        self.recipe = recipe_of(lock_of(folder / "lock.txt", [self.wheel]))
        self.python = this_python()
        self.said: list[str] = []

    @property
    def folder(self) -> Path:
        found = package_folder(self.python, self.home, self.recipe)
        if found is None:
            raise LookupError("this Python has a package folder")
        return found

    def install(self, **changes: object) -> Path | None:
        options = {"wheelhouse": self.wheelhouse, "report": self.said.append, "recipe": self.recipe, **changes}
        return install(self.python, self.home, **options)

    def state(self):
        return state(self.python, self.home, self.recipe)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return Place(tmp_path)


def imported_answer(place: Place) -> str:
    environment = worker_environment(place.folder, TOP)
    command = [str(place.python.path), "-c", "import tiny; print(tiny.ANSWER, tiny.__file__)"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_install_makes_a_whole_importable_folder(place: Place) -> None:
    assert place.state() == "missing"
    assert place.install() == place.folder
    assert place.state() == "ready"
    assert imported_answer(place).split(maxsplit=1)[0] == "42"
    assert str(place.folder) in imported_answer(place)
    assert leftovers(place.home) == []
    assert not (place.folder / "bin").exists()


def test_second_install_does_nothing(place: Place) -> None:
    place.install()
    before = (place.folder / "manifest.json").stat().st_mtime_ns
    place.install(wheelhouse=None)
    assert (place.folder / "manifest.json").stat().st_mtime_ns == before
    assert "already installed" in place.said[-1]


def test_folder_name_has_the_python_and_the_lock(place: Place) -> None:
    first = place.folder
    text = place.recipe.lock.read_text()
    place.recipe.lock.write_bytes(text.replace("\n", "\r\n").encode())
    assert place.folder == first
    place.recipe.lock.write_text(text + "\n# another\n")
    assert place.folder != first
    assert first.name.startswith(f"cp{sys.version_info[0]}{sys.version_info[1]}-")
    assert len(first.name.split("-")[1]) == 16


def lose_file(folder: Path) -> None:
    (folder / "tiny" / "data" / "numbers.txt").unlink()


def shorten_file(folder: Path) -> None:
    (folder / "tiny" / "__init__.py").write_text("")


def lose_folder(folder: Path) -> None:
    shutil.rmtree(folder / "tiny")


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def garble_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"manifest": 1, "files": {"tiny/__ini')


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lose_file, "tiny/data/numbers.txt is missing"),
        (shorten_file, "tiny/__init__.py has another size"),
        (lose_folder, "and 1 more is missing"),
        (lose_manifest, "no readable manifest"),
        (garble_manifest, "no readable manifest"),
    ],
)
def test_damage_is_noticed_and_built_anew(place: Place, damage, why: str) -> None:
    place.install()
    damage(place.folder)
    assert place.state() == "damaged"
    assert why in place.state().why
    place.install()
    assert place.state() == "ready"
    assert imported_answer(place).startswith("42")
    assert leftovers(place.home) == []


def test_folder_of_another_platform_is_damaged(place: Place) -> None:
    place.install()
    other = Interpreter(place.python.path, place.python.version, "win-arm64", "3.6.2")
    assert state(other, place.home, place.recipe) == "damaged"
    assert "win-arm64" in state(other, place.home, place.recipe).why


def test_what_python_compiles_is_no_damage(place: Place) -> None:
    place.install()
    imported_answer(place)
    (place.folder / "tiny" / "__pycache__").mkdir(exist_ok=True)
    (place.folder / "tiny" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert place.state() == "ready"


def test_interpreter_with_its_own_packages_needs_no_folder(place: Place) -> None:
    own = Interpreter(place.python.path, place.python.version, place.python.platform, "3.6.2", own_packages=True)
    assert package_folder(own, place.home) is None
    assert state(own, place.home) == "ready"
    assert install(own, place.home, report=place.said.append) is None
    assert "brings its own packages" in place.said[0]


def test_two_installs_in_one_process(place: Place) -> None:
    slow = recipe_of(place.recipe.lock, ("-c", "import time; time.sleep(3)"))
    failures: list[BaseException] = []
    started = threading.Event()

    def report(text: str) -> None:
        if text.startswith("Trying"):
            started.set()

    def first() -> None:
        try:
            place.install(recipe=slow, report=report)
        except EngineError as error:
            failures.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(60)
    with pytest.raises(EngineError, match="Another installation .* is running"):
        place.install(recipe=slow)
    thread.join(60)
    assert failures == []
    assert place.state() == "ready"


def start_install(place: Place, self_test: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start an installation in another process."""
    code = (
        "import sys; from pathlib import Path; from processing_provider.engine import install;"
        "from fake_engine import recipe_of, this_python;"
        f"install(this_python(), Path({str(place.home)!r}), {str(place.wheelhouse)!r},"
        f" report=lambda text: print(text, flush=True), recipe=recipe_of(Path({str(place.recipe.lock)!r}), {self_test!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOP), str(Path(__file__).parent)])}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], start: str) -> str:
    if process.stdout is None:
        raise LookupError("the process has no output")
    for line in process.stdout:
        if line.startswith(start):
            return line
    raise EOFError(f"the process ended without {start}")


def test_two_installs_in_two_processes(place: Place) -> None:
    other = start_install(place, SLEEP)
    try:
        wait_for(other, "Trying")
        with pytest.raises(EngineError, match="Another installation .* is running"):
            place.install()
    finally:
        other.kill()
        other.wait()
    # The lock of a killed installation is not stale.
    place.install()
    assert place.state() == "ready"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_install_leaves_the_old_state(place: Place, tmp_path: Path) -> None:
    place.install()
    newer = Place(tmp_path / "newer")
    newer.home, newer.wheelhouse = place.home, tmp_path / "newer wheels"
    newer.recipe = recipe_of(lock_of(tmp_path / "newer.txt", [make_wheel(newer.wheelhouse, version="2.0")]))
    killed = start_install(newer, SLEEP)
    pid = int(wait_for(killed, "pid").split()[1])
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    try:
        assert place.state() == "ready"
        assert newer.state() == "missing"
        assert leftovers(place.home) != []
    finally:
        os.kill(pid, signal.SIGKILL)
    newer.install()
    assert newer.state() == "ready"
    assert place.state() == "ready"
    assert leftovers(place.home) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_pip_ends_with_its_parent(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # An index that takes connections and never answers keeps pip waiting.
    fake = tmp_path / "pip"
    fake.mkdir()
    (fake / "pip.py").write_text("import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(60)\n")
    code = (
        "import os, sys; from pathlib import Path; from fake_engine import this_python;"
        "from processing_provider.engine_pip import Pip;"
        f"Pip(this_python(), {str(fake)!r}, False).run(['install'], Path({str(tmp_path)!r}),"
        " lambda text: print(text, flush=True), lambda: False)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOP), str(Path(__file__).parent)])}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    pid = int(wait_for(parent, "pid").split()[1])
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert gone(pid)


def test_cancel_while_pip_runs_leaves_nothing(place: Place) -> None:
    with pytest.raises(EngineCancelled, match="nothing was changed"):
        place.install(cancelled=lambda: any("Processing" in text for text in place.said) or len(place.said) > 1)
    assert place.state() == "missing"
    assert leftovers(place.home) == []


@pytest.mark.skipif(os.name == "nt", reason="asks /proc")
def test_cancel_while_trying_out_kills_the_child(place: Place) -> None:
    begun = time.monotonic()
    with pytest.raises(EngineCancelled):
        place.install(
            recipe=recipe_of(place.recipe.lock, SLEEP),
            cancelled=lambda: any(text.startswith("pid") for text in place.said),
        )
    pid = next(int(text.split()[1]) for text in place.said if text.startswith("pid"))
    assert gone(pid)
    assert time.monotonic() - begun < 50
    assert leftovers(place.home) == []


def test_cancelled_rebuild_keeps_the_other_engine(place: Place) -> None:
    place.install()
    lose_file(place.folder)
    with pytest.raises(EngineCancelled):
        place.install(cancelled=lambda: any(text.startswith("Trying") for text in place.said[-1:]))
    assert (place.folder / "tiny" / "__init__.py").is_file()


def test_full_disk_is_seen_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(engine_install.shutil, "disk_usage", lambda path: usage(10**12, 10**12, 300_000_000))
    with pytest.raises(EngineError, match=r"needs 1\.2 GB .* has 0\.3 GB free.*DRIFTWAY_HOME"):
        place.install(recipe=recipe_of(place.recipe.lock, needed=engine_install.NEEDED))
    assert leftovers(place.home) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "is full.*Free some space"), (errno.EACCES, "may not be changed"), (errno.EIO, "could not be")],
)
def test_failing_disk_is_explained(place: Place, monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number), str(place.folder))

    monkeypatch.setattr(engine_install, "write_manifest", fail)
    with pytest.raises(EngineError, match=said):
        place.install()
    assert place.state() == "missing"
    assert leftovers(place.home) == []


def test_home_that_is_a_file(place: Place) -> None:
    place.home.write_text("in the way")
    with pytest.raises(EngineError, match="could not be written"):
        place.install()


def test_altered_wheel_is_refused(place: Place) -> None:
    make_wheel(place.wheelhouse, code="ANSWER = 43\n")
    with pytest.raises(EngineError, match="not the one that this version of Driftway was tested with"):
        place.install()
    assert place.state() == "missing"
    assert leftovers(place.home) == []


def test_wheelhouse_that_lacks_a_wheel(place: Place, tmp_path: Path) -> None:
    second = make_wheel(tmp_path / "elsewhere", name="second")
    recipe = recipe_of(lock_of(tmp_path / "two.txt", [place.wheel, second]))
    with pytest.raises(EngineError, match=r"has no wheel of second==1\.0 .* pip download"):
        place.install(recipe=recipe)


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_wheelhouse_without_wheels(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="holds no wheels"):
        place.install(wheelhouse=tmp_path / name)


def test_packages_that_do_not_compute_are_not_switched_in(place: Place) -> None:
    bad = recipe_of(place.recipe.lock, ("-c", "raise SystemExit('illegal instruction')"))
    with pytest.raises(EngineError, match="do not compute on this computer .*illegal instruction"):
        place.install(recipe=bad)
    assert place.state() == "missing"
    assert leftovers(place.home) == []


def test_remove_frees_the_disk(place: Place) -> None:
    place.install()
    assert remove(place.home, place.python, place.said.append, place.recipe) > 300
    assert place.state() == "missing"
    assert remove(place.home, place.python, place.said.append, place.recipe) == 0


def test_remove_all_takes_every_folder(place: Place) -> None:
    place.install()
    (place.home / "engine" / "cp399-0000000000000000").mkdir()
    remove(place.home)
    assert list((place.home / "engine").iterdir()) == []


def test_silent_child_is_spoken_for(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine_process, "SILENCE", 0.2)
    command = [sys.executable, "-c", "import time; time.sleep(1.5); print('done')"]
    run_lines(command, dict(os.environ), tmp_path, place.said.append, lambda: False, 60.0, lambda: "still at it")
    assert place.said[0] == "still at it"
    assert place.said[-1] == "done"


def test_child_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(EngineError, match="did not finish within 1 s"):
        run_lines(command, dict(os.environ), tmp_path, print, lambda: False, 1.0)
