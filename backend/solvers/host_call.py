"""Functions on the CPU's own arrays, called from inside compiled JAX code.

Through XLA's foreign function interface, which hands over the buffers themselves: nothing is copied, compiled programs stay
in the cache on disk, and nothing waits for another thread of XLA. (`jax.pure_callback` copies its arguments on XLA's
threads while it holds one of them: with a single thread it waits for itself, for ever.)
"""

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

#: Fills the outputs from the inputs; arrays are only valid during the call.
HostFunction = Callable[[list[np.ndarray], list[np.ndarray]], None]

_DTYPES = {1: np.bool_, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 6: np.uint8, 11: np.float32, 12: np.float64}
_METADATA_EXTENSION = 1
_INTERNAL_ERROR = 13
_lock = threading.Lock()
_kept: dict[str, Any] = {}


class _Extension(ctypes.Structure):
    pass


_Extension._fields_ = [
    ("struct_size", ctypes.c_size_t),
    ("type", ctypes.c_int),
    ("next", ctypes.POINTER(_Extension)),
]


class _Version(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("major", ctypes.c_int),
        ("minor", ctypes.c_int),
    ]


class _Metadata(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("version", _Version), ("traits", ctypes.c_uint32)]


class _MetadataExtension(ctypes.Structure):
    _fields_ = [("base", _Extension), ("metadata", ctypes.POINTER(_Metadata))]


class _ErrorArguments(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("message", ctypes.c_char_p),
        ("code", ctypes.c_int),
    ]


_CreateError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_ErrorArguments))


class _Api(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("version", _Version),
        ("internal", ctypes.c_void_p),
        ("create_error", _CreateError),
    ]


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
    ]


class _Buffers(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("buffers", ctypes.POINTER(ctypes.POINTER(_Buffer))),
    ]


class _CallFrame(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("extension_start", ctypes.POINTER(_Extension)),
        ("api", ctypes.POINTER(_Api)),
        ("context", ctypes.c_void_p),
        ("stage", ctypes.c_int),
        ("arguments", _Buffers),
        ("results", _Buffers),
    ]


_Handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_CallFrame))


def host_call(
    name: str, function: HostFunction, results: Sequence[jax.ShapeDtypeStruct], *operands: Any
) -> list[jax.Array]:
    """Call a function of the CPU from code that JAX compiles for the CPU.

    Parameters
    ----------
    name : str
        Under which XLA knows the function, in this process and in the cache on disk; one name always means the same
        function.
    function : callable
        Takes the operands and the results as lists of NumPy arrays and fills the results. Any exception that it raises
        becomes that of the compiled code.
    results : sequence of jax.ShapeDtypeStruct
        Shapes and types of the results.
    *operands : arrays
        Whatever the function needs, sizes and options included.

    Returns
    -------
    list of arrays
    """
    _register(name, function)
    call = jax.ffi.ffi_call(name, tuple(results), vmap_method="sequential")
    return list(call(*operands))


def _register(name: str, function: HostFunction) -> None:
    with _lock:
        if name in _kept:
            return
        handler = _Handler(lambda frame: _handle(function, frame.contents))
        address = ctypes.cast(handler, ctypes.c_void_p)
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(address), platform="cpu")
        _kept[name] = handler


def _handle(function: HostFunction, frame: _CallFrame) -> int | None:
    if frame.extension_start and frame.extension_start.contents.type == _METADATA_EXTENSION:
        extension = ctypes.cast(frame.extension_start, ctypes.POINTER(_MetadataExtension)).contents
        version = frame.api.contents.version
        extension.metadata.contents.version.major = version.major
        extension.metadata.contents.version.minor = version.minor
        extension.metadata.contents.traits = 0
        return None
    try:
        function(_arrays(frame.arguments), _arrays(frame.results))
    except Exception as error:  # noqa: BLE001 - nothing may pass through foreign code; XLA raises it again
        message = f"{type(error).__name__}: {error}".encode()
        arguments = _ErrorArguments(ctypes.sizeof(_ErrorArguments), None, message, _INTERNAL_ERROR)
        return frame.api.contents.create_error(ctypes.byref(arguments))
    return None


def _arrays(buffers: _Buffers) -> list[np.ndarray]:
    found = []
    for position in range(buffers.size):
        buffer = buffers.buffers[position].contents
        shape = tuple(buffer.dims[axis] for axis in range(buffer.rank))
        dtype = np.dtype(_DTYPES[buffer.dtype])
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size == 0:
            found.append(np.empty(shape, dtype))
            continue
        raw = (ctypes.c_byte * size).from_address(buffer.data)
        # NumPy's stubs do not know that ctypes' arrays are buffers.
        flat = np.frombuffer(raw, dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
        found.append(flat.reshape(shape))
    return found
