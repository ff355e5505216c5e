"""How long a user waits for the first new frame, and what memory that takes, in fresh processes.

``python -m tests.video.first_frame --models rife-tiny`` runs ``vfi interpolate in.mp4 -o -`` on
640x360, once to fill the cache folder and then a few times, and reads what comes out of the pipe.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.video.job_costs import SIZE, write

FRAMES = 12


def first_frame(clip: Path, *words: str) -> tuple[float, float]:
    """Seconds from the start of a process to its first new frame; the most memory in MiB.

    Raises:
        RuntimeError: if the process fails.
    """
    width, height = SIZE
    command = [sys.executable, "-m", "vfi.cli", "interpolate", str(clip), "-o", "-", "-q", *words]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        for _ in range(2):  # the first is the input's own
            process.stdout.readline()
            process.stdout.read(width * height * 3 // 2)
        seconds = time.perf_counter() - start
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, used.ru_maxrss / 1024  # Linux counts in KiB


def medians(model: str, runtime: str, precision: str, rounds: int = 5) -> dict[str, float]:
    """Medians over a few processes, of which none is the first one."""
    words = ("--model", model, "--runtime", runtime, "--precision", precision)
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "in.mp4", FRAMES)
        first_frame(clip, *words)
        found = [first_frame(clip, *words) for _ in range(rounds)]
    seconds, peaks = zip(*found, strict=True)
    return {
        "first_frame_seconds": round(statistics.median(seconds), 2),
        "slowest_seconds": round(max(seconds), 2),
        "peak_mib": round(statistics.median(peaks)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["rife-tiny", "rife-nano"])
    parser.add_argument("--runtime", default="openvino")
    parser.add_argument("--precision", default="int8")
    args = parser.parse_args()
    found = {model: medians(model, args.runtime, args.precision) for model in args.models}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
