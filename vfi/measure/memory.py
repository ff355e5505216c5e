"""Peak memory of this process, and of a fresh one that does nothing but run a model."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from vfi.checkpoints import load_model
from vfi.measure.conditions import Conditions
from vfi.models.device import laid_out

_MIB = 2**20
_STATUS = Path("/proc/self/status")
_CHILD = "import sys, vfi.measure.memory; vfi.measure.memory._run_child(sys.argv[1])"


def peak_memory_mib(device: str | torch.device = "cpu") -> float | None:
    """The most memory held at any time so far, in MiB.

    Args:
        device: ``cpu``: resident memory of this process since it started, libraries included,
            worker processes not. A CUDA device: tensors allocated there by this process (since
            ``torch.cuda.reset_peak_memory_stats``, if that was called).

    Returns:
        None where the system does not tell.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MIB
    # Not getrusage: Linux hands a parent's peak down to the programs it starts.
    with contextlib.suppress(OSError):  # not Linux
        for line in _STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return _windows_peak() if sys.platform == "win32" else _unix_peak()


def peak_memory_of(source: str, conditions: Conditions) -> float | None:
    """Peak memory in MiB of a fresh process that loads a model and interpolates one frame.

    In this process the peak would be that of the hungriest thing done before. About 200 to 300 MiB
    of a CPU figure are Python and torch.

    Args:
        source: as for `vfi.load_model`.
        conditions: how it is run.

    Raises:
        ValueError: if the process failed, with its last line of output.
    """
    task = {"source": source, "conditions": asdict(conditions)}
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps(task)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(
            f"measuring the memory of {source} at {conditions.height}x{conditions.width} failed "
            f"with status {done.returncode}: {reason}"
        )
    peak = json.loads(done.stdout)
    return None if peak is None else float(peak)


def _run_child(task_json: str) -> None:
    task = json.loads(task_json)
    conditions = Conditions(**task["conditions"])
    device = torch.device(conditions.device)
    model = laid_out(load_model(task["source"], device), conditions.layout)
    frame = torch.rand(1, 3, conditions.height, conditions.width, device=device)
    frame = frame.to(memory_format=conditions.layout)
    with conditions.hold():
        model(frame, frame)
    sys.stdout.write(json.dumps(peak_memory_mib(device)))


def _unix_peak() -> float | None:
    try:
        import resource  # not everywhere
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MIB if sys.platform == "darwin" else 1024)  # bytes there, KiB elsewhere


def _windows_peak() -> float | None:
    """The peak working set, as GetProcessMemoryInfo has it."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS of psapi.h
        _fields_ = (
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("others", ctypes.c_size_t * 7),
        )

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    query = kernel.K32GetProcessMemoryInfo
    query.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
    if not query(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
        return None
    return float(counters.PeakWorkingSetSize) / _MIB
