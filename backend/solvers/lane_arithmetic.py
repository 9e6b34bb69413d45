"""Arithmetic of lanes as formulas write it: operators, and the functions of an array module.

A proximity's formula is written once, for arrays, and runs on a vector in registers as well: this module takes the place of
numpy there. Python's numbers take the precision of the lanes that they meet.
"""

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .lanes import LanesType, splat

# ln 2 in two parts, the first with so few digits that its product with an exponent is exact.
_PARTS_OF_LN2 = {
    32: (0.693359375, -2.12194440054690583e-4),
    64: (6.93147180369123816490e-1, 1.90821492927058770002e-10),
}
#: Terms of the series of exp on [-ln 2 / 2, ln 2 / 2] such that what is left out is below a tenth of a rounding.
_DEGREE = {32: 7, 64: 13}
_MANTISSA_BITS = {32: 23, 64: 52}
_BIAS = {32: 127, 64: 1023}


def _instruction(typing: Callable[..., Any]) -> Callable[..., Any]:
    return intrinsic(typing)


def _is_lanes(value: Any) -> bool:
    return isinstance(value, LanesType)


def _is_number(value: Any) -> bool:
    return isinstance(value, (types.Integer, types.Float))


def _as_lanes(context: Any, builder: Any, value: Any, kind: Any, wanted: LanesType) -> Any:
    """Return lanes as they are, and a number in every lane."""
    if isinstance(kind, LanesType):
        return value
    return splat(builder, context.cast(builder, value, kind, wanted.dtype), wanted.count)


def _pairwise(name: str) -> Callable[..., Any]:
    @_instruction
    def combine(typing_context, one, other):
        result = one if _is_lanes(one) else other

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sides = [_as_lanes(context, builder, *each, result) for each in zip(arguments, signature.args)]
            return getattr(builder, name)(*sides)

        return result(one, other), generate

    return combine


def _overload_pairwise(function: Any, name: str) -> None:
    combine = _pairwise(name)

    @overload(function, strict=False)
    def _combined(one: Any, other: Any) -> Any:
        if _is_lanes(one) and _is_lanes(other):
            return (lambda one, other: combine(one, other)) if one == other else None
        if (_is_lanes(one) and _is_number(other)) or (_is_number(one) and _is_lanes(other)):
            return lambda one, other: combine(one, other)
        return None


for _function, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _overload_pairwise(_function, _name)


@_instruction
def _negative(typing_context, value):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fneg(arguments[0])

    return value(value), generate


@overload(operator.neg, strict=False)
def _negated(value: Any) -> Any:
    return (lambda value: _negative(value)) if _is_lanes(value) else None


def _constant(value: Any, number: float) -> ir.Constant:
    """Return a number in every lane of a vector like this one."""
    return ir.Constant(value.type, [number] * value.type.count)


def _call(builder: Any, name: str, *arguments: Any) -> Any:
    """Call one of LLVM's own functions, lane by lane."""
    kind = arguments[0].type
    element = "f32" if isinstance(kind.element, ir.FloatType) else "f64"
    function = builder.module.declare_intrinsic(
        f"llvm.{name}.v{kind.count}{element}", (), ir.FunctionType(kind, [kind] * len(arguments))
    )
    return builder.call(function, arguments)


@_instruction
def exp(typing_context, value):
    """Return the exponential of every lane, to one unit in the last place; 0 below twice the smallest normal number.

    With an integer n and r in [-ln 2 / 2, ln 2 / 2], exp(n ln 2 + r) = 2^(n - 1) 2 exp(r), the latter by its series.

    References
    ----------
    Cody, W. J. & Waite, W. (1980) Software Manual for the Elementary Functions, chapter 6.
    """
    bits = value.dtype.bitwidth
    mantissa, bias = _MANTISSA_BITS[bits], _BIAS[bits]
    # So large that a sum ends in the digits of its integer part, here those of n - 1 as an exponent is stored.
    shift = 1.5 * 2.0**mantissa + bias - 1

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (x,) = arguments
        # Exponents that are stored as 0 and as infinity. Neither comparison holds for nan, which passes through.
        least, most = (_constant(x, n * math.log(2)) for n in (1 - bias, bias + 2))
        x = builder.select(builder.fcmp_ordered("<", x, least), least, x)
        x = builder.select(builder.fcmp_ordered(">", x, most), most, x)
        shifted = _call(builder, "fmuladd", x, _constant(x, 1 / math.log(2)), _constant(x, shift))
        n = builder.fsub(shifted, _constant(x, shift))
        r = x
        for part in _PARTS_OF_LN2[bits]:
            r = _call(builder, "fmuladd", n, _constant(x, -part), r)
        series = _constant(x, 2 / math.factorial(_DEGREE[bits]))
        for degree in range(_DEGREE[bits] - 1, -1, -1):
            series = _call(builder, "fmuladd", series, r, _constant(x, 2 / math.factorial(degree)))
        integers = ir.VectorType(ir.IntType(bits), x.type.count)
        stored = builder.shl(builder.bitcast(shifted, integers), ir.Constant(integers, [mantissa] * x.type.count))
        return builder.fmul(series, builder.bitcast(stored, x.type))

    return value(value), generate


@_instruction
def sqrt(typing_context, value):
    """Return the square root of every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(builder, "sqrt", arguments[0])

    return value(value), generate


@_instruction
def ones_like(typing_context, value):
    """Return lanes of 1."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _constant(arguments[0], 1.0)

    return value(value), generate


@_instruction
def zeros_like(typing_context, value):
    """Return lanes of 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _constant(arguments[0], 0.0)

    return value(value), generate


@_instruction
def plus_product(typing_context, value, one, other):
    """Add a product lane by lane, rounding once where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(builder, "fmuladd", arguments[1], arguments[2], arguments[0])

    return value(value, one, other), generate


@_instruction
def in_precision(typing_context, value, like):
    """Convert every lane to the precision of a number."""
    kind = LanesType(like, value.count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wanted, given = kind.dtype.bitwidth, signature.args[0].dtype.bitwidth
        if wanted == given:
            return arguments[0]
        convert = builder.fpext if wanted > given else builder.fptrunc
        return convert(arguments[0], context.get_value_type(kind))

    return kind(value, like), generate


@_instruction
def totals(typing_context, one, two, three, four):
    """Sum each over its lanes, by halves; return the four sums side by side."""
    kind = LanesType(one.dtype, 4)

    def halved(builder: Any, vector: Any) -> Any:
        while vector.type.count > 4:
            half = vector.type.count // 2
            low, high = (_picked(builder, vector, vector, range(start, start + half)) for start in (0, half))
            vector = builder.fadd(low, high)
        return vector

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if signature.args[0].count == 1:
            pairs = [_picked(builder, *arguments[each : each + 2], (0, 1)) for each in (0, 2)]  # pyright: ignore[reportCallIssue]
            return _picked(builder, *pairs, range(4))  # pyright: ignore[reportCallIssue]
        first, second, third, fourth = (halved(builder, each) for each in arguments)
        left, right = (
            builder.fadd(_picked(builder, *pair, (0, 1, 4, 5)), _picked(builder, *pair, (2, 3, 6, 7)))
            for pair in ((first, second), (third, fourth))
        )
        return builder.fadd(_picked(builder, left, right, (0, 2, 4, 6)), _picked(builder, left, right, (1, 3, 5, 7)))

    return kind(one, two, three, four), generate


def _picked(builder: Any, one: Any, other: Any, lanes: Iterable[int]) -> Any:
    """Return lanes of two vectors, counted through both."""
    chosen = list(lanes)
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen))
