"""Where a compiled model's time goes, by kind of operation, in OpenVINO.

``python -m tests.runtime.profile --models rife-fast rife-tiny --output profile.json`` compiles each
for one size with OpenVINO's counters on, makes frames of it, and adds up the nodes' times.
"""

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import torch

from vfi import reporting
from vfi.measure.conditions import parse_size
from vfi.measure.latency import moving_frames
from vfi.runtime.load import load_model
from vfi.runtime.openvino import OpenVINONetwork, the_core

KINDS = {
    "Convolution": "convolution",
    "GridSample": "warping",
    "Reorder": "reordering",
    "Transpose": "reordering",
    "Subgraph": "elementwise",
    "Eltwise": "elementwise",
    "DepthToSpace": "pixel shuffle",
}
"""Of OpenVINO's types of nodes; all others are small: padding, cutting, joining."""


class Profiled(OpenVINONetwork):
    """Keeps no files, and has counters on."""

    def compiled(self, height: int, width: int):
        the_core().set_property("CPU", {"PERF_COUNT": True})
        return super().compiled(height, width)


def milliseconds(name: str, precision: str, size: str, threads: int, rounds: int) -> dict:
    """Of both frames' own part and of what is between them, the median of the rounds."""
    loaded = load_model(name, runtime="openvino", precision=precision, threads=threads).network
    network = Profiled(loaded.network, loaded.precision, threads, loaded.ranges)
    width, height = parse_size(size)
    frames = [frame.contiguous() for frame in moving_frames(height, width)]
    program = network.compiled(height, width)
    seen = defaultdict(list)
    for _ in range(rounds):
        total = Counter()
        with program._parts() as (encoder, between):
            known = [counted(encoder, [frame], total) for frame in frames]
            counted(between, [*frames, *known[0], *known[1], torch.tensor([0.5])], total)
        for kind, spent in total.items():
            seen[kind].append(spent)
    found = {kind: median(values) for kind, values in seen.items()}
    return {"model": name, "precision": precision, **found, "total": sum(found.values())}


def counted(request, inputs: list[torch.Tensor], total: Counter) -> tuple[torch.Tensor, ...]:
    """Runs it; adds each node's milliseconds to its kind."""
    made = request(inputs)
    for node in request._request.profiling_info:
        kind = KINDS.get(node.node_type, "other")
        if kind == "convolution":
            kind += " in 8 bits" if node.exec_type.endswith("I8") else " in float"
        total[kind] += node.real_time.total_seconds() * 1e3
    return made


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["rife-fast", "rife-tiny", "rife-nano"])
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(words)
    rows = [
        milliseconds(name, args.precision, args.size, args.threads, args.rounds)
        for name in args.models
    ]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    record = {"size": args.size, "threads": args.threads, "rounds": args.rounds, "models": rows}
    reporting.write_json({**record, "environment": reporting.environment()}, args.output)
    reporting.table(f"ms by kind of operation, {args.size}, {args.threads} threads", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
