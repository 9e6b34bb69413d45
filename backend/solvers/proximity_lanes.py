"""Proximity kernels inside the kernels that Numba compiles: their own formulas, on lanes.

A proximity keeps one definition, `value` and `slope` of its class in `backend/proximities`. Numba compiles those two methods;
`lane_arithmetic` stands for the array module that they are given.
"""

import zlib
from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.extending import NativeValue, models, overload_method, register_model, typeof_impl, unbox

from ..proximities.abstract import AbstractKernel
from . import lane_arithmetic
from .lanes import load, store


class KernelType(types.Opaque):
    """The class of a proximity kernel; another formula is another type, or code kept on disk would outlive it."""

    def __init__(self, of: type[AbstractKernel]) -> None:
        self.of = of
        super().__init__(name=f"Kernel({of.__module__}.{of.__qualname__}, {_digest(of.value, of.slope)})")


def _digest(*functions: Callable[..., Any]) -> int:
    written = [(each.__code__.co_code, each.__code__.co_consts, each.__code__.co_names) for each in functions]
    return zlib.crc32(repr(written).encode())


register_model(KernelType)(models.OpaqueModel)


@typeof_impl.register(AbstractKernel)
def _type_of_kernel(kernel: AbstractKernel, context: Any) -> KernelType:
    return KernelType(type(kernel))


@unbox(KernelType)
def _unbox_kernel(kind: Any, kernel: Any, context: Any) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


# Numba's stubs leave its option out.
@overload_method(KernelType, "value", strict=False)  # pyright: ignore[reportCallIssue]
def _value(self: Any, u: Any, xp: Any) -> Callable[..., Any]:
    return self.of.value


@overload_method(KernelType, "slope", strict=False)  # pyright: ignore[reportCallIssue]
def _slope(self: Any, u: Any, k: Any, xp: Any) -> Callable[..., Any]:
    return self.of.slope


@njit
def on_lanes(kernel, u, k, slope, width):
    """Fill proximities and their slopes at u, flat arrays as long as some lanes."""
    here = load(u, 0, width)
    there = kernel.value(here, lane_arithmetic)
    store(k, 0, there)
    store(slope, 0, kernel.slope(here, there, lane_arithmetic))
