"""The C library's memory: what is freed is kept for the next frame, which needs as much."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_KEPT = 1 << 30


def keep_freed_memory() -> bool:
    """Has glibc keep freed memory, up to a GiB, instead of giving it back to the system.

    A network in torch allocates its features anew in every call. Memory that was given back comes
    as fresh, zeroed pages; docs/results/profile/freed_memory.json has what they take. Meant for
    programs that have a process of their own: it holds for all of that.

    Returns:
        Whether it does so: not with another C library, nor if the environment says how to allocate
        (``MALLOC_...``, ``GLIBC_TUNABLES``).
    """
    told = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if not sys.platform.startswith("linux") or told:
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # One arena: those of other threads are of 64 MiB at most, and larger blocks are given back.
    options = (_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _KEPT), (_ARENA_MAX, 1)
    return min(set_option(option, value) for option, value in options) == 1
