"""How long a user waits for the first new frame, and what memory that takes, in fresh processes.

``python -m tests.video.first_frame --output first_frame.json`` runs ``vfi interpolate in.mp4 -o -``
on 640x360, once to fill the cache folder and then a few times, and reads what comes from the pipe.
It also tells what torch alone costs: seconds and memory of its import, and MB of what is installed.
"""

import argparse
import importlib.metadata
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from packaging.requirements import Requirement

from tests.helpers.measured import tell
from tests.video.job_costs import SIZE, peak_mib, peak_told, write
from vfi import reporting
from vfi._about import DISTRIBUTION

FRAMES, ROUNDS = 12, 5


def first_frame(clip: Path, *words: str) -> tuple[float, float]:
    """Seconds from the start of a process to its first new frame; the most memory in MiB.

    Raises:
        RuntimeError: if the process fails.
    """
    width, height = SIZE
    command = [sys.executable, "-m", "vfi", "interpolate", str(clip), "-o", "-", "-q", *words]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        for number in range(2 * FRAMES - 4):
            process.stdout.readline()
            process.stdout.read(width * height * 3 // 2)
            if number == 1:  # the one before is the input's own
                seconds = time.perf_counter() - start
        peak = peak_mib(process.pid)  # while it waits for the pipe to be read
        process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, peak


def medians(model: str, runtime: str, precision: str) -> dict[str, float]:
    """Medians over a few processes, of which none is the first one."""
    words = ("--model", model, "--runtime", runtime, "--precision", precision)
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "in.mp4", FRAMES)
        first_frame(clip, *words)
        found = [first_frame(clip, *words) for _ in range(ROUNDS)]
    seconds, peaks = zip(*found, strict=True)
    return {
        "first_frame_seconds": round(statistics.median(seconds), 2),
        "slowest_seconds": round(max(seconds), 2),
        "peak_mib": round(statistics.median(peaks)),
    }


def importing(module: str) -> tuple[float, float]:
    """Seconds and most memory in MiB of a process that imports one module."""
    code = f"import {module}; print(open('/proc/self/status').read())"
    start = time.perf_counter()
    status = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return time.perf_counter() - start, peak_told(status)


def needed(name: str, extra: str = "") -> set[str]:
    """The distributions that one needs here, itself and theirs included."""
    found: set[str] = set()
    waiting = [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            asked = Requirement(line)
            if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                waiting.append((re.sub(r"[-_.]+", "-", asked.name).lower(), ""))
    return found


def megabytes(names: set[str]) -> int:
    """What the files of distributions take."""
    files = [f for name in names for f in importlib.metadata.files(name) or ()]
    paths = [Path(file.locate()) for file in files]
    return round(sum(path.stat().st_size for path in paths if path.is_file()) / 1e6)


def cost_of_torch() -> dict[str, float]:
    """Of a ``pip install`` with the extra ``openvino``, and of ``import torch``."""
    whole = needed(DISTRIBUTION, "openvino")
    others = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or ()]
    kept = set().union(
        *(needed(r.name) for r in others if r.marker is None and r.name != "torch"),
        needed("openvino"),
    )
    plain, torch = (
        [importing(module) for _ in range(ROUNDS)] for module in ("numpy", "numpy, torch")
    )
    (seconds, peak), (plain_seconds, plain_peak) = (
        [statistics.median(values) for values in zip(*rounds, strict=True)]
        for rounds in (torch, plain)
    )
    return {
        "installed_mb": megabytes(whole),
        "installed_without_torch_mb": megabytes(kept),
        "import_seconds": round(seconds - plain_seconds, 2),
        "import_mib": round(peak - plain_peak),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["rife-tiny", "rife-nano"])
    parser.add_argument("--runtime", default="openvino")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    found = {
        "rows": [
            {"model": model, **medians(model, args.runtime, args.precision)}
            for model in args.models
        ],
        "torch": cost_of_torch(),
        "environment": reporting.environment(),
    }
    tell(found, args.output)


if __name__ == "__main__":
    main()
