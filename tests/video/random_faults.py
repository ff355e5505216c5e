"""Runs that are ended at random moments, and what must be there afterwards.

``python -m tests.video.random_faults 30`` tries so many of each kind and counts. POSIX only.
"""

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av

from tests.helpers.clips import Blend, picture
from vfi.cli import main as command
from vfi.video import job

FORK = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
if hasattr(signal, "SIGKILL"):
    STATUS[signal.SIGKILL] = -signal.SIGKILL
FRAMES = 32


class Slow(Blend):
    """A model that takes its time."""

    def forward(self, *args, **kwargs):
        time.sleep(0.02)
        return super().forward(*args, **kwargs)


def write(path: Path) -> Path:
    """A clip of 16 frames with sound."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(FRAMES // 2):
            frame = av.VideoFrame.from_ndarray(picture(number, 96, 64), "rgb24")
            frame.pts = number
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    return path


def start(clip: Path, out: Path, resume: bool) -> multiprocessing.Process:
    """The command in a process of its own."""

    def work() -> None:
        job.resolve_model = lambda name, *_, **__: (Slow(), "slow")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(f"{out}.log", os.O_WRONLY | os.O_CREAT), 2)
        words = ["interpolate", str(clip), "-o", str(out), "--segment", "8"]
        sys.exit(command([*words, *(["--resume"] if resume else [])]))

    process = FORK.Process(target=work)
    process.start()
    return process


def whole(path: Path) -> bool:
    """Whether a video can be played from the first frame to the last."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0)) == FRAMES


def end(folder: Path, kind: signal.Signals, delay: float) -> list[str]:
    """What is wrong after a run was ended after so many seconds, and after it was resumed."""
    clip, out = write(folder / "in.mp4"), folder / "out.mp4"
    process = start(clip, out, resume=False)
    time.sleep(delay)
    os.kill(process.pid, kind)
    process.join()
    wrong = []
    if process.exitcode not in (0, STATUS[kind]):
        wrong.append(f"status {process.exitcode}")
    if out.exists() and not whole(out):
        wrong.append("half a file")
    names = {path.name for path in folder.iterdir()}
    known = {"in.mp4", "out.mp4", "out.mp4.log", "out.mp4.json", "out.mp4.parts"}
    if names - known:
        wrong.append(f"stray {sorted(names - known)}")
    again = start(clip, out, resume=True)
    again.join()
    if again.exitcode != 0 or not whole(out):
        wrong.append(f"resuming: status {again.exitcode}")
    if (folder / "out.mp4.parts").exists():
        wrong.append("parts are left")
    return wrong


def attempts(count: int, tell: Callable[[str], object]) -> int:
    """Ends runs by every signal and tells what is wrong; the number of failures."""
    dice, failed = random.Random(0), Counter()
    for kind in STATUS:
        for _ in range(count):
            with tempfile.TemporaryDirectory() as name:
                delay = dice.uniform(0.02, 1.1)
                if wrong := end(Path(name), kind, delay):
                    failed[kind.name] += 1
                    tell(f"{kind.name} after {delay:.2f} s: {wrong}\n")
    tell(f"{count} of each of {[kind.name for kind in STATUS]}: {dict(failed)} failed\n")
    return failed.total()


if __name__ == "__main__":
    sys.exit(min(1, attempts(int(sys.argv[1]), sys.stdout.write)))
