"""Solvers: one idea a file. Nothing here loads JAX by itself, as circuits do without."""

from .threads import set_thread_count, thread_count

__all__ = ["set_thread_count", "thread_count"]
