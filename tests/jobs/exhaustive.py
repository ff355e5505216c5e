"""How far the choice of `vfi select` is from the best there is, every way being timed.

``python -m tests.jobs.exhaustive --output select.json`` searches for each budget as the command
does, times every model in every runtime, precision, number of threads and flow scale, and then the
choice and the best of all in turns. Nothing else may run meanwhile.
"""

import argparse
import dataclasses
import itertools
import sys
from pathlib import Path

from rich.progress import Progress

from vfi import reporting
from vfi.jobs import select as job
from vfi.jobs.apart import Trial
from vfi.jobs.selection import Budget, Candidate, Search, choose
from vfi.measure.conditions import parse_size
from vfi.reporting import qualities
from vfi.runtime.ways import Way
from vfi.shipped import folder


class Device:
    """This one, at one size of frames."""

    def __init__(self, args: argparse.Namespace, progress: Progress) -> None:
        width, height = parse_size(args.size)
        self.ways = list(job._ways(args.models or job._released(), "cpu"))
        self.counts = job._thread_counts()
        self._trial = Trial(self.ways[0], height, width)
        self._known = qualities.read(folder("checkpoints") / qualities.FILE)
        self._progress = progress

    def stopwatch(self, seconds: float) -> job._Stopwatch:
        return job._Stopwatch(self._trial, self._known, seconds, self._progress)

    def searched(self, budget: Budget, seconds: float) -> Candidate | None:
        """What `vfi select` recommends."""
        search = Search(self.stopwatch(seconds), budget)
        return choose(search.run(self.ways, self.counts), budget)

    def every(self) -> list[Candidate]:
        """All that runs here."""
        search = Search(self.stopwatch(float("inf")), Budget("realtime"))
        pairs = itertools.product(self.ways, self.counts)
        search._time(dataclasses.replace(way, threads=count) for way, count in pairs)
        return list(search.found.values())

    def in_turns(self, ways: list[Candidate]) -> list[Candidate]:
        return self.stopwatch(60).together(ways)


def row(device: Device, budget: Budget, chosen: Candidate | None, every: list[Candidate]) -> dict:
    """The choice beside the three that the exhaustive run says are the fastest that do as well."""
    best = choose(every, budget)
    found = {"budget": budget.text, "ways": len(every)}
    if best is None or chosen is None:
        return {**found, "chosen": chosen and _named(chosen.way), "best": best and _named(best.way)}
    as_good = [c for c in every if c.quality >= best.quality and c.way != chosen.way]
    rivals = sorted(as_good, key=lambda c: c.median_ms)[:3]
    ours, *others = device.in_turns([chosen, *rivals])
    fastest = min([ours, *others], key=lambda c: c.median_ms)
    return {
        **found,
        "chosen": _named(chosen.way),
        "chosen_ms": ours.median_ms,
        "chosen_psnr": chosen.psnr,
        "best": _named(fastest.way),
        "best_ms": fastest.median_ms,
        "best_psnr": fastest.psnr,
        "slower": ours.median_ms / fastest.median_ms - 1,
    }


def _named(way: Way) -> str:
    return f"{way.label}, {way.threads} threads, flow scale {way.flow_scale:g}"


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budgets", nargs="+", default=["realtime", "60ms", "100ms"])
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--seconds", type=float, default=180, help="for each search")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(words)
    budgets = [Budget(text) for text in args.budgets]
    with Progress(disable=True) as progress:
        device = Device(args, progress)
        chosen = [device.searched(budget, args.seconds) for budget in budgets]
        every = device.every()
        rows = [row(device, b, c, every) for b, c in zip(budgets, chosen, strict=True)]
    timed = {_named(c.way): {"median_ms": c.median_ms, "psnr": c.psnr} for c in every}
    record = {"size": args.size, "budgets": rows, "ways": timed}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    reporting.write_json({**record, "environment": reporting.environment()}, args.output)
    reporting.table(f"vfi select beside an exhaustive run, {args.size}", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
