"""A cache folder that cannot be written costs time, not the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PROGRAM = """
from backend import kernel_cache
from backend.solvers import host_sweeps
print(kernel_cache.is_writable())
"""


def said(**variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(TOP)]), **variables}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_kernels_are_kept_in_the_folder_that_is_named(tmp_path: Path) -> None:
    assert said(NUMBA_CACHE_DIR=str(tmp_path)) == "True"


def test_without_any_folder_kernels_are_compiled_for_the_run_alone(tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    # Of the places that Numba would try only the one that is named.
    assert said(NUMBA_CACHE_DIR=str(no_folder), NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator") == "False"
