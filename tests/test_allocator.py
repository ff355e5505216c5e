"""Memory that is freed serves the next call."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from vfi.allocator import keep_freed_memory
kept = {call}
for _ in range(3):
    np.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 23)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(call: str, **variables: str) -> tuple[str, int]:
    """What the call gave, and how many pages 10 arrays of 64 MiB took from the system."""
    program = [sys.executable, "-c", PROGRAM.format(call=call)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    told = subprocess.run(
        program, env=clean | variables, capture_output=True, text=True, check=True
    )
    kept, faults = told.stdout.split()
    return kept, int(faults)


def test_what_is_freed_is_used_again():
    kept, faults = run("keep_freed_memory()")
    if kept == "False":
        pytest.skip("the C library is not glibc")
    _, usual = run("None")
    assert 10 * faults < usual


def test_what_the_environment_says_stays():
    kept, _ = run("keep_freed_memory()", MALLOC_ARENA_MAX="2")
    assert kept == "False"
