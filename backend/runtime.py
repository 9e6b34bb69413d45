"""Starts Numba and JAX for one process: device, threads, precision, caches."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

from .errors import DriftwayError
from .memory import use_device_memory

#: GDAL would take a twentieth of the machine's memory.
_GDAL_CACHE_BYTES = 32 << 20
#: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD and M_ARENA_MAX, by their numbers in malloc.h. What is kept is kept in each arena.
_MALLOC_OPTIONS = {-3: 1 << 30, -1: 2**31 - 1, -2: 64 << 20, -8: 2}


def prepare_environment() -> None:
    """Set what must be set before NumPy, JAX or Numba are first imported."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cache = os.environ.get("DRIFTWAY_CACHE")
    if cache:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(cache) / f"numba-{_kernel_version()}"))


def _kernel_version() -> str:
    """Return a name for the present state of the kernels.

    Numba looks only at the file of a function when it asks whether its compiled code is still good, not at the files of
    what it calls.
    """
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).resolve().parent / "solvers").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next batch: getting pages anew takes longer than computing with them."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    for option, value in _MALLOC_OPTIONS.items():
        mallopt(option, value)


def _bound_gdal() -> None:
    """Bound the memory in which GDAL keeps blocks of rasters."""
    with contextlib.suppress(ImportError):  # benchmarks of the kernels read no rasters
        importlib.import_module("osgeo.gdal").SetCacheMax(_GDAL_CACHE_BYTES)


def start(device: str, threads: int, *, jax: bool = True) -> dict[str, Any]:
    """Start Numba and, where it is used, JAX on a device.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    threads : int
        Number of threads, 0 = all cores.
    jax : bool
        Whether it is used; importing it takes half a second and 150 MB.

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
    _keep_freed_memory()
    _bound_gdal()
    if threads:
        os.environ["NPROC"] = str(threads)  # the size of XLA's pool of threads
    found = _start_jax(device) if jax else {"jax": None, "device": "cpu", "devices": ["CPU, without JAX"]}
    importlib.import_module(".solvers", __package__).set_thread_count(threads)
    from .worker import environment

    return {**environment(), **found}


def _start_jax(device: str) -> dict[str, Any]:
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
    if devices[0].platform != "cpu":
        statistics = devices[0].memory_stats() or {}
        use_device_memory(int(statistics.get("bytes_limit", 0)))
    return {"jax": jax.__version__, "device": devices[0].platform, "devices": [str(d) for d in devices]}
