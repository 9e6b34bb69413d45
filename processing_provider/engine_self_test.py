"""A known computation on a package folder, told in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .engine_environment import worker_environment
from .engine_errors import EngineError
from .engine_interpreter import Interpreter
from .engine_process import run_lines

LIMIT = 600.0
# For a folder that holds no backend beside the installer: the packages themselves, in one known sum each.
KERNELS = """
import equinox, jax, jaxtyping, numba, scipy
import numpy as np
jax.config.update("jax_enable_x64", True)
total = float(jax.jit(lambda x: (x * x).sum())(jax.numpy.arange(5.0)))
triangular = numba.njit(lambda n: n * (n + 1) // 2)(10)
if total != 30.0 or triangular != 55:
    raise SystemExit("the kernels computed %r and %r instead of 30.0 and 55" % (total, triangular))
print("jax %s, numba %s, numpy %s compute correctly" % (jax.__version__, numba.__version__, np.__version__))
"""


def self_test_arguments(plugin_dir: Path) -> tuple[str, ...]:
    """Return the interpreter's arguments for the self-test: the worker's own, where there is one."""
    has_own = (plugin_dir / "backend" / "__main__.py").is_file()
    return ("-m", "backend", "check") if has_own else ("-c", KERNELS)


def try_out(
    interpreter: Interpreter,
    arguments: tuple[str, ...],
    packages: Path | None,
    plugin_dir: Path,
    device: str,
    cache: Path,
    folder: Path,
    report: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    """Run the self-test in ``folder`` with a package folder, and say what it says.

    Raises
    ------
    EngineError
        Where it fails.
    """
    said: list[str] = []

    def hear(line: str) -> None:
        text = spoken(line)
        if text:
            said.append(text)
            report(text)

    environment = worker_environment(packages, plugin_dir, device, cache)
    finished = run_lines([str(interpreter.path), *arguments], environment, folder, hear, cancelled, LIMIT)
    if finished.status != 0:
        raise EngineError(
            f"The packages do not compute on this computer (exit {finished.status}): {' / '.join(said[-4:])}",
            "Install the engine anew, name another interpreter in Settings > Options > Driftway, or report this "
            "with the log.",
        )


def spoken(line: str) -> str:
    """Return what a line of the worker means to a person; empty for a heartbeat."""
    if not line.startswith("{"):
        return line
    try:
        event = json.loads(line)
    except ValueError:
        return line
    kind = event.get("event")
    if kind == "hello":
        return f"JAX {event.get('jax')} on {event.get('device')} ({', '.join(event.get('devices', []))})"
    if kind in ("message", "warning"):
        return str(event.get("text", ""))
    if kind == "progress":
        return str(event.get("step", ""))
    if kind == "error":
        return f"{event.get('message', '')} {event.get('remedy', '')}".strip()
    if kind == "result":
        error = event.get("numbers", {}).get("RELATIVE_ERROR")
        return "The self-test is right" + (f" (relative error {error:.1e})." if isinstance(error, float) else ".")
    return "" if kind == "heartbeat" else line
