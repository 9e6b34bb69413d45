"""Solvers: one idea a file."""

from .shortest_paths import shortest_paths, tie_tolerance
from .threads import set_thread_count, thread_count

__all__ = ["set_thread_count", "shortest_paths", "thread_count", "tie_tolerance"]
