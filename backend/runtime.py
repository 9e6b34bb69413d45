"""Starts JAX and Numba for one process: device, threads, precision, caches."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from .errors import DriftwayError
from .landscape_plan import cores


def prepare_environment() -> None:
    """Set what must be set before NumPy, JAX or Numba are first imported."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cache = os.environ.get("DRIFTWAY_CACHE")
    if cache:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(cache) / "numba"))


def start(device: str, threads: int) -> dict[str, Any]:
    """Start JAX on a device.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    threads : int
        Number of threads, 0 = all cores.

    Returns
    -------
    dict
        Versions, the device in use and all devices.

    Raises
    ------
    DriftwayError
        When the device is not there.
    """
    prepare_environment()
    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    cache = os.environ.get("DRIFTWAY_CACHE")
    if cache:
        jax.config.update("jax_compilation_cache_dir", str(Path(cache) / "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    devices = jax.devices()
    if device == "gpu" and devices[0].platform == "cpu":
        raise DriftwayError(
            "No GPU is available to the compute engine.",
            "Choose the device 'auto' or 'cpu', or name an interpreter with a CUDA build of JAX in the options.",
        )
    importlib.import_module(".solvers", __package__).set_thread_count(threads or cores())
    from .worker import environment

    return {
        **environment(),
        "jax": jax.__version__,
        "device": devices[0].platform,
        "devices": [str(d) for d in devices],
    }
