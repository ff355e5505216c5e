"""Whether a whole job keeps up with a film: decoding, colour, network and encoding together.

``python -m tests.video.live --models rife-tiny rife-nano --output live.json`` makes 640x360 at 24
frames a second twice and four times as smooth, in turns, and times the network alone as well.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from tests.helpers.measured import tell
from tests.video.job_costs import SIZE, cost, write
from vfi import reporting
from vfi.allocator import keep_freed_memory
from vfi.models import Interpolator
from vfi.models.device import cores, limited_threads
from vfi.runtime.compiled import called_side_by_side
from vfi.runtime.load import load_model
from vfi.runtime.ways import described

FILM = 24


def network_ms(model: Interpolator, calls: int = 40) -> float:
    """Wall milliseconds a new frame, the network alone, with as many threads as a job has."""
    width, height = SIZE
    generator = torch.Generator().manual_seed(0)

    def make(count: int) -> None:
        with torch.inference_mode():
            for _ in range(count):
                model.between(*known)

    with called_side_by_side(model) as workers, limited_threads(1 if workers > 1 else None):
        known = [
            model.encode(torch.rand(1, 3, height, width, generator=generator)) for _ in range(2)
        ]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(make, [2] * workers))
            start = time.perf_counter()
            list(pool.map(make, [calls // workers] * workers))
    return 1e3 * (time.perf_counter() - start) / (calls // workers * workers)


def rows(model: str, clip: Path, frames: int, args: argparse.Namespace) -> Iterator[dict]:
    """A row for each preset of the encoder; four times as smooth with the first one only."""
    network = load_model(model, runtime=args.runtime, precision=args.precision)
    alone = network_ms(network)  # compiles, too
    fourfold = None
    for preset in args.presets:
        twice = cost(clip, network, multiplier=2, preset=preset)
        fourfold = fourfold or cost(clip, network, multiplier=4, preset=preset)
        yield {
            "model": model,
            **described(network),
            "preset": preset,
            "network_ms": round(alone, 1),
            "job_ms": round(1e3 * twice["seconds"] / frames, 1),
            "job_cpu_ms": round(1e3 * twice["cpu_seconds"] / frames, 1),
            "real_time": round(frames / FILM / twice["seconds"], 2),
            "seconds": twice["seconds"],
            "multiplier_4_seconds": fourfold["seconds"],
            "multiplier_4_over_2": round(fourfold["seconds"] / twice["seconds"], 2)
            if preset == args.presets[0]
            else None,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["rife-tiny", "rife-nano"])
    parser.add_argument("--runtime", default="openvino")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--presets", nargs="+", default=["faster", "veryfast"])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    keep_freed_memory()  # as the command does
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "in.mp4", args.frames)
        found_rows = [row for m in args.models for row in rows(m, clip, args.frames, args)]
    found = {
        "size": "{}x{}".format(*SIZE),
        "frames": args.frames,
        "cores": cores(),
        "rows": found_rows,
        "environment": reporting.environment(),
    }
    tell(found, args.output)


if __name__ == "__main__":
    main()
