"""What it is worth to keep freed memory: milliseconds of a call in torch, and pages it takes.

``python -m tests.runtime.freed_memory --output freed_memory.json`` asks processes that keep it and
processes that give it back in turns; see `vfi.allocator`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch

from tests.helpers.measured import tell
from vfi import reporting
from vfi.allocator import keep_freed_memory
from vfi.measure.latency import moving_frames
from vfi.models.device import laid_out
from vfi.runtime.load import load_model

SIZE = (480, 640)


@torch.inference_mode()
def calls(model: str, calls: int, warmup: int = 5) -> dict[str, float]:
    """The median call in this process, and the pages that a call takes from the system."""
    network = laid_out(load_model(model), torch.channels_last)
    frames = [f.contiguous(memory_format=torch.channels_last) for f in moving_frames(*SIZE)]
    seconds, pages = [], []
    for _ in range(warmup + calls):
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        network(*frames)
        seconds.append(time.perf_counter() - start)
        pages.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return {"ms": 1e3 * median(seconds[warmup:]), "pages": median(pages[warmup:])}


def apart(model: str, keep: bool, count: int) -> dict[str, float]:
    """The same in a process of its own."""
    words = ["--alone", model, "--calls", str(count), *(["--keep"] if keep else [])]
    told = subprocess.run(
        [sys.executable, "-m", "tests.runtime.freed_memory", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(told.stdout)
    return found


def row(model: str, rounds: int, count: int) -> dict[str, object]:
    """Both ways in turns; medians of the rounds."""
    found = [(apart(model, True, count), apart(model, False, count)) for _ in range(rounds)]
    both = {
        f"{what}_{way}": round(median(pair[place][what] for pair in found), 1)
        for what in ("ms", "pages")
        for place, way in enumerate(("kept", "given_back"))
    }
    return {"model": model, **both}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--models", nargs="+", default=["rife_v4.0", "rife-fast", "rife-tiny", "rife-nano"]
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--alone", help="one model, in this process")
    parser.add_argument("--keep", action="store_true", help="with --alone: keep what is freed")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if args.alone:
        if args.keep:
            keep_freed_memory()
        sys.stdout.write(json.dumps(calls(args.alone, args.calls)))
        return
    rows = [row(model, args.rounds, args.calls) for model in args.models]
    setting = {"size": "{1}x{0}".format(*SIZE), "threads": torch.get_num_threads()}
    tell({**setting, "rows": rows, "environment": reporting.environment()}, args.output)


if __name__ == "__main__":
    main()
