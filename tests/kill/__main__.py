"""Kills commands at random moments, and looks whether anything is lost.

    python -m tests.kill --trials 108 --output runs/results/trust/kills.json

Each trial starts a command on a small network, sends SIGKILL or SIGTERM (two of the first, then one
of the second) at a random moment, looks at every file that is there under its final name, and runs
the same command again to its end: what it leaves must equal, to the bit, what a run that nobody
stopped left. A command that had ended before its signal is no trial. The same call goes on where
it was stopped, or where ``--seconds`` were over. ``--only`` tries some of the commands now, maybe
beside another call that tries others; ``--again`` forgets what came of a command before.
"""

import argparse
import json
import logging
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import filelock

from tests.kill.jobs import BETWEEN, JOBS, clips, refused, whole
from tests.kill.processes import Started, finish, stop_at
from vfi.reporting import environment, write_json

logger = logging.getLogger(__name__)
Row = dict[str, Any]


def trial(job: str, number: signal.Signals, moment: float, shelf: Path, data: Path) -> str | None:
    """One kill; gives how the command ended, None if that was before."""
    make, same = JOBS[job]
    processes = 2 if "2 processes" in job else 1
    folder = shelf / "broken"
    shutil.rmtree(folder, ignore_errors=True)
    command = make(folder, data)
    log = shelf / "told.txt"
    if job in BETWEEN:
        ended = Started(command, log, stop=(*BETWEEN[job], number)).wait()
        refused(folder / "shelf")
    else:
        ended = stop_at(command, moment, number, log, processes)
    if ended is None or (ended, number) == (0, signal.SIGKILL):
        return None
    whole(folder)
    finish(command, log, processes)
    same(shelf / job, folder)
    return {0: "came to its end", -number: "killed", 128 + number: "stopped"}.get(ended, str(ended))


def plan(count: int, seed: int, jobs: list[str]) -> tuple[str, signal.Signals, random.Random]:
    """The command, the signal and the chance of a trial."""
    number = signal.SIGTERM if count // len(jobs) % 3 == 2 else signal.SIGKILL
    return jobs[count % len(jobs)], number, random.Random(f"{seed}, {count}")


def run(
    numbers: list[int], seed: int, jobs: list[str], seconds: float, keep: Callable[[Row], object]
) -> None:
    """The trials of these numbers, or as many as the time allows; each is kept at once."""
    began = time.monotonic()
    commit = (environment()["git"] or {}).get("commit")
    with tempfile.TemporaryDirectory() as place:
        shelf, data = Path(place), clips(Path(place) / "clips")
        took: dict[str, float] = {}
        for count in numbers:
            if time.monotonic() - began > seconds:
                return
            job, number, draw = plan(count, seed, jobs)
            if job not in took:
                processes = 2 if "2 processes" in job else 1
                command = JOBS[job][0](shelf / job, data)
                took[job] = finish(command, shelf / "told.txt", processes)
            row: Row = {"number": count, "job": job, "signal": number.name, "commit": commit}
            try:
                ended = None
                while ended is None:
                    row["after"] = round(draw.uniform(0.05, 1.0) * took[job], 2)
                    ended = trial(job, number, row["after"], shelf, data)
                row |= {"ended": ended, "then": "equal"}
            except Exception as error:
                told = (shelf / "told.txt").read_text(encoding="utf-8", errors="replace")
                row |= {"then": "FAILED", "error": f"{type(error).__name__}: {error}", "told": told}
                kept = Path(tempfile.mkdtemp(prefix=f"kill-{count}-"))
                shutil.copytree(shelf, kept, dirs_exist_ok=True)
                logger.info("kept for a look: %s", kept)
            keep(row)
            logger.info("%d: %s", count, row)


def record(rows: list[Row], seed: int, jobs: list[str]) -> dict[str, Any]:
    """What is kept of the trials."""
    counts = Counter(
        f"{row['job']}, {row['signal']}: {row.get('ended', '')}, then {row['then']}" for row in rows
    )
    return {
        "seed": seed,
        "jobs": jobs,
        "trials": len(rows),
        "signals": Counter(row["signal"] for row in rows),
        "not equal": sum(row["then"] != "equal" for row in rows),
        "counts": dict(sorted(counts.items())),
        "rows": sorted(rows, key=lambda row: row["number"]),
        "environment": environment(),
    }


def command_line() -> None:
    """Runs the trials and writes what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=108)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no trial after so long")
    parser.add_argument("--jobs", nargs="*", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--only", nargs="*", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--again", nargs="*", default=[], choices=list(JOBS))
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    lock = filelock.FileLock(options.output.with_name(f".{options.output.name}.lock"))
    options.output.parent.mkdir(parents=True, exist_ok=True)

    def keep(*new: Row, forget: Sequence[str] = ()) -> set[int]:
        """Adds trials to the file; gives the numbers of all that are in it."""
        with lock:
            before = {"seed": options.seed, "jobs": options.jobs, "rows": []}
            if options.output.exists():
                before |= json.loads(options.output.read_text(encoding="utf-8"))
            same = options.jobs[: len(before["jobs"])] == before["jobs"]  # later ones are added
            if before["seed"] != options.seed or not same:
                parser.error(f"{options.output} is of other trials; give another --output")
            rows = [row for row in before["rows"] if row["job"] not in forget]
            write_json(record([*rows, *new], options.seed, options.jobs), options.output)
        return {row["number"] for row in rows}

    done = keep(forget=options.again)
    wanted = (n for n in range(options.trials) if plan(n, 0, options.jobs)[0] in options.only)
    run([n for n in wanted if n not in done], options.seed, options.jobs, options.seconds, keep)


if __name__ == "__main__":
    command_line()
