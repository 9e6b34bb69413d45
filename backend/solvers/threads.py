"""How many threads the kernels on the CPU may use, and the pool they run in."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from ..processors import available_processors

#: Rasters of fewer cells are not worth the threads' attention.
_PARALLEL_CELLS = 30_000
_lock = threading.Lock()
_count = 0
_pool: tuple[int, Executor] | None = None


def set_thread_count(count: int) -> None:
    """Let the kernels use ``count`` threads from now on; 0 stands for all that are available.

    Results do not depend on it.

    Raises
    ------
    ValueError
        If ``count`` is negative.
    """
    global _count
    if count < 0:
        raise ValueError(f"{count} threads; give 1 or more, or 0 for all that are available.")
    _count = count


def thread_count() -> int:
    """Return the number of threads that the kernels use."""
    return _count or available_processors()


def in_parts(task: Callable[[int, int], int], items: int) -> int:
    """Run ``task(first, last)`` over parts of ``range(items)``; return the greatest of the answers, -1 if there is none.

    There are a few parts per thread, so that uneven work evens out. ``task`` must release the interpreter lock.
    """
    if items == 0:
        return -1
    threads = thread_count()
    parts = min(items, 4 * threads)
    bounds = [items * k // parts for k in range(parts + 1)]
    # Even a single thread comes from the pool: the threads of XLA round subnormal numbers to 0, ours do not.
    return max(_executor(threads).map(task, bounds[:-1], bounds[1:]))


def spread(task: Callable[[int, int], object], items: int, cells: int) -> None:
    """Run `task(begin, end)` over parts of some rows, on several threads if there are enough cells."""
    if cells < _PARALLEL_CELLS:
        task(0, items)
        return

    def part(begin: int, end: int) -> int:
        task(begin, end)
        return -1

    in_parts(part, items)


def _executor(threads: int) -> Executor:
    global _pool
    with _lock:
        if _pool is None or _pool[0] != threads:
            # A pool that is being replaced finishes what it was given: it is left to its own threads, not shut down.
            _pool = threads, ThreadPoolExecutor(threads, thread_name_prefix="driftway")
        return _pool[1]
