"""A Numba type for several sources side by side: one SIMD vector held in registers.

Numba leaves vectorisation to LLVM's loop vectoriser, which here would reload the neighbouring cell from memory at every
step. With an explicit vector the running values stay in registers, on any processor that LLVM knows. The number of lanes is
part of the type; functions learn it from the length of a tuple, ``width``, which is known when they are compiled.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model


def _instruction(typing: Callable[..., Any]) -> Callable[..., Any]:
    # Numba leaves `intrinsic` unannotated. What it makes is called without the typing context, on values instead of types.
    return intrinsic(typing)


class LanesType(types.Type):
    """Vector of ``count`` values of a Numba number type."""

    def __init__(self, dtype: types.Type, count: int) -> None:
        self.dtype = dtype
        self.count = count
        super().__init__(name=f"Lanes({dtype}, {count})")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: LanesType) -> None:
        element = manager.lookup(numba_type.dtype).get_value_type()
        super().__init__(manager, numba_type, ir.VectorType(element, numba_type.count))


def splat(builder: Any, scalar: Any, count: int) -> Any:
    """Put code that repeats a number in every lane of a vector."""
    single = builder.insert_element(
        ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(single, single, zeros)


def _address(context: Any, builder: Any, array_type: Any, array: Any, element: Any, vector: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [element]), vector.as_pointer())


def _reader(array: Any, width: Any, step: int) -> Any:
    kind = LanesType(array.dtype, width.count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = builder.mul(arguments[1], ir.Constant(arguments[1].type, step))
        address = _address(context, builder, array, arguments[0], element, context.get_value_type(kind))
        return builder.load(address, align=kind.dtype.bitwidth // 8)

    return kind(array, types.intp, width), generate


def _writer(array: Any, value: Any, step: int) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = builder.mul(arguments[1], ir.Constant(arguments[1].type, step))
        address = _address(context, builder, array, arguments[0], element, context.get_value_type(value))
        builder.store(arguments[2], address, align=value.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


def _any(builder: Any, mask: Any) -> Any:
    if mask.type.count == 1:
        return builder.extract_element(mask, ir.Constant(ir.IntType(32), 0))
    bits = builder.bitcast(mask, ir.IntType(mask.type.count))
    return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))


@_instruction
def at(typing_context, array, element):
    """Read one value from a flat array; unlike ``array[element]`` without counting negative numbers from the end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        return builder.load(builder.gep(data, [arguments[1]]))

    return array.dtype(array, types.intp), generate


@_instruction
def load(typing_context, array, cell, width):
    """Read the lanes of a cell of a flat array, lanes innermost."""
    return _reader(array, width, width.count)


@_instruction
def load_from(typing_context, array, element, width):
    """Read lanes from an element of a flat array on."""
    return _reader(array, width, 1)


@_instruction
def store(typing_context, array, cell, value):
    """Write the lanes of a cell of a flat array, lanes innermost."""
    return _writer(array, value, value.count)


@_instruction
def store_from(typing_context, array, element, value):
    """Write lanes from an element of a flat array on."""
    return _writer(array, value, 1)


@_instruction
def fill(typing_context, scalar, width):
    """Give every lane the same value."""
    kind = LanesType(scalar, width.count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return splat(builder, arguments[0], kind.count)

    return kind(scalar, width), generate


@_instruction
def plus(typing_context, value, addend):
    """Add a scalar, or other lanes, to every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, other = arguments
        if not isinstance(signature.args[1], LanesType):
            other = splat(builder, other, signature.args[0].count)
        return builder.fadd(one, other)

    return value(value, addend if isinstance(addend, LanesType) else value.dtype), generate


@_instruction
def times(typing_context, value, factor):
    """Multiply lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fmul(*arguments)

    return value(value, factor), generate


@_instruction
def least(typing_context, one, other):
    """Take the smaller value of each lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right = arguments
        return builder.select(builder.fcmp_ordered("<", left, right), left, right)

    return one(one, other), generate


@_instruction
def where_below(typing_context, one, other, value, otherwise):
    """Return ``value`` in the lanes where ``one`` is smaller than ``other``, ``otherwise`` in the rest."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, other, value, otherwise = arguments
        return builder.select(builder.fcmp_ordered("<", one, other), value, otherwise)

    return value(one, other, value, otherwise), generate


@_instruction
def any_below(typing_context, one, other):
    """Say whether any lane of ``one`` is smaller than that of ``other``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _any(builder, builder.fcmp_ordered("<", *arguments))

    return types.boolean(one, other), generate


@_instruction
def any_nonzero(typing_context, value):
    """Say whether any lane differs from 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        return _any(builder, builder.fcmp_unordered("!=", value, ir.Constant(value.type, [0.0] * value.type.count)))

    return types.boolean(value), generate


@_instruction
def tight_bit(typing_context, near, cost, far, far_slack, bit):
    """Return ``bit`` in the lanes where a step of this cost from ``near`` is a last step of a shortest path to ``far``."""
    kind = LanesType(types.uint8, near.count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        near, cost, far, far_slack, bit = arguments
        reached = builder.fadd(near, splat(builder, cost, kind.count))
        tight = builder.and_(builder.fcmp_ordered("<=", reached, far_slack), builder.fcmp_ordered("<", near, far))
        bits = context.get_value_type(kind)
        return builder.select(tight, splat(builder, bit, kind.count), ir.Constant(bits, [0] * kind.count))

    return kind(near, near.dtype, near, near, types.uint8), generate


@_instruction
def reached_bit(typing_context, near, cost, far_slack, bit):
    """Return ``bit`` in the lanes where a step of this cost from ``near`` arrives within ``far_slack``."""
    kind = LanesType(types.uint8, near.count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        near, cost, far_slack, bit = arguments
        reached = builder.fcmp_ordered("<=", builder.fadd(near, splat(builder, cost, kind.count)), far_slack)
        bits = context.get_value_type(kind)
        return builder.select(reached, splat(builder, bit, kind.count), ir.Constant(bits, [0] * kind.count))

    return kind(near, near.dtype, near, types.uint8), generate


@_instruction
def either(typing_context, one, other):
    """Take the bits set in one or the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.or_(*arguments)

    return one(one, other), generate


@_instruction
def but_lowest(typing_context, bits):
    """Return the bits of each lane without the lowest that is set: something is left where several were."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (bits,) = arguments
        return builder.and_(bits, builder.sub(bits, ir.Constant(bits.type, [1] * bits.type.count)))

    return bits(bits), generate


@_instruction
def any_bit(typing_context, bits, chosen):
    """Say whether any lane has one of these bits set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits, chosen = arguments
        count = bits.type.count
        found = builder.and_(bits, splat(builder, chosen, count))
        return _any(builder, builder.icmp_unsigned("!=", found, ir.Constant(found.type, [0] * count)))

    return types.boolean(bits, types.uint8), generate


@_instruction
def equal_share(typing_context, bits, like):
    """Return 1 / (number of bits set) in each lane, 1 where there is none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = context.get_value_type(signature.args[1])
        kind = arguments[0].type
        set_bits = builder.module.declare_intrinsic(f"llvm.ctpop.v{kind.count}i8", (), ir.FunctionType(kind, [kind]))
        number = builder.uitofp(builder.call(set_bits, arguments[:1]), vector)
        one = ir.Constant(vector, [1.0] * signature.args[1].count)
        none = builder.fcmp_ordered("<", number, one)
        return builder.select(none, one, builder.fdiv(one, number))

    return like(bits, like), generate


@_instruction
def where_bit(typing_context, bits, bit, value):
    """Return ``value`` in the lanes that have this bit set, 0 in the others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits, bit, value = arguments
        count = signature.args[2].count
        chosen = builder.and_(bits, splat(builder, bit, count))
        zero = ir.Constant(chosen.type, [0] * count)
        return builder.select(builder.icmp_unsigned("!=", chosen, zero), value, ir.Constant(value.type, [0.0] * count))

    return value(bits, types.uint8, value), generate


@_instruction
def plus_where_bit(typing_context, value, bits, bit, addend):
    """Add in the lanes that have this bit set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, bits, bit, addend = arguments
        count = signature.args[0].count
        chosen = builder.and_(bits, splat(builder, bit, count))
        there = builder.icmp_unsigned("!=", chosen, ir.Constant(chosen.type, [0] * count))
        return builder.select(there, builder.fadd(value, addend), value)

    return value(value, bits, types.uint8, addend), generate


@_instruction
def total(typing_context, value):
    """Sum over the lanes, by halves."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (vector,) = arguments
        count = signature.args[0].count
        while count > 1:
            count //= 2
            halves = []
            for start in (0, count):
                mask = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(start, start + count)))
                halves.append(builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask))
            vector = builder.fadd(*halves)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return value.dtype(value), generate
