"""Memory of frames that are done serves the next ones."""

import multiprocessing
import platform
import resource

import numpy as np
import pytest

from vfi.video.make.memory import keep_freed_memory

FRAMES, BYTES = 40, 8 << 20


def faults(keep: bool) -> int:
    """How often the system had to hand out a page for frames that were filled and freed."""
    if keep:
        keep_freed_memory()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(FRAMES):
        frames = [np.ones(BYTES, np.uint8) for _ in range(3)]
        del frames
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_is_used_again():
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        usual, kept = pool.map(faults, [False, True], chunksize=1)
    assert kept < usual / 4
