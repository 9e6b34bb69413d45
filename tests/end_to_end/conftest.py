"""Whole runs: QGIS, the provider, a real worker and the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))


class CommandLine:
    """Runs algorithms as `./run algorithm` does."""

    def __call__(self, algorithm: str, **parameters: Any) -> dict[str, Any]:
        """Run an algorithm that must succeed and return its results."""
        done = self.attempt(algorithm, **parameters)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)["results"]

    def attempt(self, algorithm: str, **parameters: Any) -> subprocess.CompletedProcess[str]:
        """Run an algorithm and return what came of it."""
        arguments = [f"--{name}={value}" for name, value in parameters.items()]
        environment = {k: v for k, v in os.environ.items() if k != "QGIS_CUSTOM_CONFIG_PATH"}
        return subprocess.run(
            [str(TOP / "run"), "algorithm", algorithm, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="session")
def command_line() -> CommandLine:
    return CommandLine()


@pytest.fixture(scope="session")
def processing(qgis_app, qgis_processing):
    """QGIS's module `processing`, with Driftway's provider."""
    import processing
    from qgis_session import add_provider

    add_provider()
    return processing


@pytest.fixture
def damaged_engine(tmp_path_factory, monkeypatch):
    """A copy of the engine, by hard links, from which a file is lost."""
    home = Path(os.environ["DRIFTWAY_HOME"])
    copy = tmp_path_factory.mktemp("damaged") / "home"
    copy.mkdir()
    subprocess.run(["cp", "-al", str(home / "engine"), str(copy / "engine")], check=True)
    (package,) = (p for p in (copy / "engine").iterdir() if p.is_dir() and (p / "equinox").is_dir())
    (package / "equinox" / "__init__.py").unlink()
    monkeypatch.setenv("DRIFTWAY_HOME", str(copy))
    return copy
