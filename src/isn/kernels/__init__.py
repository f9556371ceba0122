"""The compiled loops of the files beside: arrays in, arrays out, without Python's lock.

They are called through ctypes: one library serves every version of Python, is there in a
millisecond and takes 220 kB. An installation makes it with the compiler that it finds, or with one
that pip brings (`hatch_build.py`). What the loops compute is said where they are used.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from isn.errors import AlteredContainer

NAME: Final = {"win32": "kernels.dll", "darwin": "kernels.dylib"}.get(sys.platform, "kernels.so")
"""The library's file, beside this one."""

DAMAGED: Final = "the code in this container is damaged: take the file as it was written"

_SIGNATURES: Final = {
    "classes": "int32 u1 q q q q q q i2 i4 q i2 i4 q i i i i i u1",
    "features": "int32 i4 q q q u1 i q q q u1",
    "quantise": "int32 f4 u1 q q q q f4 f4 q q f u1 u1 i4 u1",
    "halves": "int32 i4 u1 q q i4",
    "bits": "double i4 u1 q f4 i4 i4",
    "split": "int64 i4 u1 q i4 i4 u1 u1 i8 i4",
    "low_bits": "int64 u1 q i4",
    "encode": "int64 u1 u1 q u8 q u4 u4 u4 q",
    "decode": "int32 u1 q u8 q u4 i4 u1 i8 i8 i4 u4 u4 u1 q u1 u1 q i4",
    "carry": "int32 u1 q q q u1 q u1 u1 u1 i u1",
    "read": "int32 u1 q q q q i i u1",
    "syndrome_write": "int32 u1 i2 q u2 u1 u1 i u1",
    "syndrome_read": "int32 u1 q u2 u1 u1",
    "blur": "int32 f8 q q f8 q f8",
    "shuffle": "int32 u4 q u4",
    "ldpc": "int32 i2 q q q q i4 i4 i i4",
    "filter": "int32 u1 q q q q u1",
    "deflate": "int64 u1 q i u1",
    "dense": "int32 f4 q q q q q q q q q q f4 f4 f f4",
    "sparse": "int32 i4 i4 f8 f8 q q d q q f8",
}
"""What each returns, then what it takes: arrays by their type, or numbers (q, i, f and d)."""

_NUMBERS: Final = {
    "q": ctypes.c_int64,
    "i": ctypes.c_int32,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
}


@cache
def _library() -> ctypes.CDLL:
    path = Path(__file__).parent / NAME
    if not path.exists():
        raise ImportError(f"{path} is not there: install isn with pip, which compiles it")
    return ctypes.CDLL(str(path))


@cache
def builds() -> tuple[str, ...]:
    """The builds of the library that run on this processor, the fastest first."""
    return ("avx2", "plain") if _library().isn_has_avx2() else ("plain",)


@cache
def _array(kind: np.dtype[Any]) -> Any:
    """What takes contiguous arrays of a type, in a fifth of the time of NumPy's own."""

    class Pointer:
        @staticmethod
        def from_param(given: Any) -> ctypes.c_void_p:
            if not isinstance(given, np.ndarray) or given.dtype != kind:
                raise TypeError(f"an array of {kind} is wanted")
            if not given.flags.c_contiguous:
                raise TypeError("a contiguous array is wanted")
            return ctypes.c_void_p(given.ctypes.data)

    return Pointer


@cache
def _function(name: str, build: str) -> Any:
    returned, *taken = _SIGNATURES[name].split()
    found = getattr(_library(), f"isn_{name}_{build}")
    found.restype = getattr(ctypes, f"c_{returned}")
    found.argtypes = [
        _NUMBERS[each] if each in _NUMBERS else _array(np.dtype(each)) for each in taken
    ]
    return found


def call(name: str, *given: Any, build: str | None = None) -> Any:
    """What a function of the library returns.

    Args:
        name: of the function, without its prefix and its build.
        given: what it takes; arrays are contiguous and of its types.
        build: which of :func:`builds`; None: the fastest.

    Raises:
        MemoryError: there was none.
        AlteredContainer: what was to be decoded is damaged.
    """
    function = _function(name, build or builds()[0])
    result = function(*given)
    if function.restype is ctypes.c_int32 and result:
        if result == -1:
            raise MemoryError
        raise AlteredContainer(DAMAGED)
    return result
