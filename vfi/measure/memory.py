"""Peak memory of this process, and of a fresh one that does nothing but run a model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from vfi.checkpoints import load_model

_MIB = 2**20
_CHILD = "import sys, vfi.measure.memory; vfi.measure.memory._run_child(sys.argv[1])"


def peak_memory_mib(device: str | torch.device = "cpu") -> float | None:
    """The most memory held at any time so far, in MiB.

    Args:
        device: ``cpu``: resident memory of this process since it started, libraries included,
            worker processes not. A CUDA device: tensors allocated there by this process (since
            ``torch.cuda.reset_peak_memory_stats``, if that was called).

    Returns:
        None where the system does not tell (Windows).
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MIB
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: Linux hands a parent's peak down to the programs it starts.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource  # there is none on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MIB if sys.platform == "darwin" else 1024)


def peak_memory_of(
    source: str,
    height: int,
    width: int,
    *,
    device: str = "cpu",
    threads: int | None = None,
    channels_last: bool = False,
    autocast: torch.dtype | None = None,
) -> float | None:
    """Peak memory in MiB of a fresh process that loads a model and interpolates one frame.

    In this process the peak would be that of the hungriest thing done before. About 200 to 300 MiB
    of a CPU figure are Python and torch.

    Args:
        source: as for `vfi.load_model`.
        height: of the frames, in pixels.
        width: likewise.
        device: as for `peak_memory_mib`.
        threads: torch's CPU threads; its default if None.
        channels_last: memory layout of weights and frames.
        autocast: the type to run in, if not float32.

    Raises:
        ValueError: if the process failed, with its last line of output.
    """
    task = {
        "source": source,
        "shape": [1, 3, height, width],
        "device": device,
        "threads": threads,
        "channels_last": channels_last,
        "autocast": str(autocast).removeprefix("torch.") if autocast else None,
    }
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps(task)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(
            f"measuring the memory of {source} at {height}x{width} failed with status "
            f"{done.returncode}: {reason}"
        )
    return json.loads(done.stdout)


def _run_child(task_json: str) -> None:
    task = json.loads(task_json)
    if task["threads"]:
        torch.set_num_threads(task["threads"])
    layout = torch.channels_last if task["channels_last"] else torch.contiguous_format
    device = torch.device(task["device"])
    model = load_model(task["source"], device).to(memory_format=layout)
    frame = torch.rand(task["shape"], device=device).to(memory_format=layout)
    dtype = getattr(torch, task["autocast"]) if task["autocast"] else None
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype is not None):
        model(frame, frame)
    sys.stdout.write(json.dumps(peak_memory_mib(device)))
