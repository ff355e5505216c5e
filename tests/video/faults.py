"""What goes wrong while a video is made, and what must be there afterwards.

``python -m tests.video.faults --trials 30 --output faults.json`` ends so many runs each by SIGKILL,
SIGTERM and Ctrl-C at random moments, fills the disk at three moments, changes the input while it is
read, lets the decoder fail, and counts. POSIX only; a disk that is full is a small one of memory
where that may be mounted (root), or else a limit on the size of files.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.helpers.clips import Blend, picture
from vfi.cli import main as command
from vfi.video import job
from vfi.video.make import engine
from vfi.video.read.alike import Alike

FORK = multiprocessing.get_context("fork")
STATUS = {
    signal.SIGTERM: 143,
    signal.SIGINT: 130,
    signal.SIGKILL: 128 + signal.SIGKILL,
}
FRAMES = 48
SEGMENT = 8
REFUSED = 2  # the status of an error that is told in a line
HALF = FRAMES // 4  # frames that the network has made when the input changes
KNOWN = {"in.mkv", "in.mp4", "out.mp4", "out.mp4.log", "out.mp4.json", "out.mp4.parts"}
Hook = Callable[[], object]


class Slow(Blend):
    """A model that takes its time, and does something once it has made so many frames."""

    def __init__(self, pause: float = 0.0, hook: Hook | None = None) -> None:
        super().__init__()
        self.pause, self.hook = pause, hook

    def forward(self, *args, **kwargs):
        time.sleep(self.pause)
        made = super().forward(*args, **kwargs)
        if self.hook is not None and self.runs == HALF:
            self.hook()
        return made


def write(path: Path) -> Path:
    """A clip with sound, of noise, so that there is much to be read and written."""
    dice = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        sound = output.add_stream("aac", rate=48_000, layout="mono")
        for number in range(FRAMES // 2):
            image = picture(number, 96, 64) + dice.integers(-20, 20, (64, 96, 3))
            image = image.clip(0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.float32), "fltp", "mono")
            tone.sample_rate, tone.pts, tone.time_base = 48_000, 1920 * number, Fraction(1, 48_000)
            output.mux(sound.encode(tone))
        for each in (stream, sound):
            output.mux(each.encode(None))
    return path


def run(clip: Path, out: Path, *words: str, prepare: Hook = bool, **model: object):
    """The command in a process of its own, which has been started."""

    def work() -> None:
        job.resolve_model = lambda name, *_, **__: (Slow(**model), "slow")
        engine.QUEUE_BYTES = 1 << 14  # else all would be read before anything is made
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
        sys.stderr = Path(f"{out}.log").open("w", buffering=1)  # noqa: SIM115
        prepare()
        fixed = ["--segment", str(SEGMENT), "--preset", "ultrafast", "--cut-threshold", "null"]
        sys.exit(command(["interpolate", str(clip), "-o", str(out), *fixed, *words]))

    process = FORK.Process(target=work)
    process.start()
    return process


def ended(process) -> int:
    """The exit status as a shell tells it: 128 and the signal's number if one killed it."""
    process.join()
    return process.exitcode if process.exitcode >= 0 else 128 - process.exitcode


def frames_of(path: Path) -> int:
    """How many frames of a video can be played; each of its sounds must be as well."""
    with av.open(str(path)) as container:
        for stream in container.streams.audio:
            assert sum(1 for _ in container.decode(stream)) > 0
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def strays(folder: Path) -> list[str]:
    """What lies in a folder and should not."""
    names = sorted({path.name for path in folder.iterdir()} - KNOWN)
    return [f"stray {names}"] if names else []


def half_a_file(out: Path) -> list[str]:
    """What is wrong with an output, if there is one: it must be whole, or say that it is not."""
    if not out.exists():
        return []
    report = out.with_name(f"{out.name}.json")
    found = frames_of(out)
    if not report.exists():  # ended between the one and the other
        return [] if found == FRAMES else [f"{found} frames and no report"]
    told = json.loads(report.read_text(encoding="utf-8"))
    wrong = [] if told["frames_out"] == found else ["the report has other frames than the file"]
    if found != FRAMES and not told["problems"]:
        wrong.append(f"{found} frames of {FRAMES}, and nothing is said")
    return wrong


def finished(clip: Path, out: Path, *words: str) -> list[str]:
    """What is wrong after a last run that nothing disturbs."""
    status = ended(run(clip, out, *words))
    wrong = [f"at last: status {status}"] if status else half_a_file(out)
    if not wrong and frames_of(out) != FRAMES:
        wrong.append("at last: not all frames")
    if out.with_name(f"{out.name}.parts").exists():
        wrong.append("parts are left")
    return wrong + strays(out.parent)


def stop(folder: Path, kind: signal.Signals, delays: list[float], resume: bool) -> list[str]:
    """What is wrong after runs were ended after so many seconds, and after a last one.

    Args:
        folder: an empty one.
        kind: what ends them.
        delays: of each run; all but the first resume.
        resume: whether the last one does, too.
    """
    clip, out = write(folder / "in.mp4"), folder / "out.mp4"
    wrong = []
    for number, delay in enumerate(delays):
        process = run(clip, out, *["--resume"] * (number > 0), pause=0.02)
        time.sleep(delay)
        os.kill(process.pid, kind)
        status = ended(process)
        if status not in (0, STATUS[kind]):
            wrong.append(f"status {status}")
        wrong += half_a_file(out) + strays(folder)
    return wrong + finished(clip, out, *["--resume"] * resume)


MOMENTS = {"at the start": 0.02, "between segments": 0.5, "when joining": 1.5}
"""When the disk is full, by the room there is, in parts of the output's size."""


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A folder that is a disk of 8 MB.

    Raises:
        PermissionError: if none may be mounted.
    """
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", name]
        if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
            raise PermissionError("only root may mount a disk")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


def fill(folder: Path, disk: Path | None, moment: str, resume: bool) -> list[str]:
    """What is wrong after the disk was full, and after a last run with room.

    Args:
        folder: an empty one.
        disk: a small one for the output; with None no file may be larger than a limit instead.
        moment: of `MOMENTS`.
        resume: whether the last run does.
    """
    clip, out = write(folder / "in.mp4"), (disk or folder) / "out.mp4"
    assert ended(run(clip, out)) == 0
    size = int(out.stat().st_size * MOMENTS[moment])
    for path in (out, out.with_name("out.mp4.json")):
        path.unlink()
    if disk is None:
        limit = size // 2  # of one file: the whole is written once, the segments are a sixth
        prepare = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
    else:
        prepare, free = bool, os.statvfs(disk)
        (disk / ".filler").write_bytes(bytes(max(free.f_bavail * free.f_frsize - size, 0)))
    status = ended(run(clip, out, prepare=prepare))
    told = out.with_name("out.mp4.log").read_text(encoding="utf-8", errors="replace")
    if disk is not None:
        (disk / ".filler").unlink()
    wrong = [] if status == REFUSED else [f"status {status}"]
    wrong += ["there is an output"] * out.exists() + strays(out.parent)
    if disk is not None and "No space left" not in told:
        wrong.append(f"it says {told.splitlines()[-1:]}")
    wrong += ["a traceback"] * ("Traceback" in told)
    return wrong + finished(clip, out, *["--resume"] * resume)


def shorten(clip: Path) -> None:
    """Cuts a file to half."""
    os.truncate(clip, clip.stat().st_size // 2)


def replace(clip: Path) -> None:
    """Puts another file in its place, by the same name."""
    other = clip.with_name("in.mp4.new")
    other.write_bytes(clip.read_bytes()[:-100])
    other.replace(clip)


def grow(clip: Path) -> None:
    """Goes on writing a file, as a recorder does."""
    with clip.open("ab") as file:
        file.write(bytes(1000))


CHANGES = {"shrinks": shorten, "vanishes": Path.unlink, "is replaced": replace, "grows": grow}


def change(folder: Path, how: str, suffix: str) -> list[str]:
    """What is wrong after the input has changed while it was read."""
    clip, out = write(folder / f"in{suffix}"), folder / "out.mp4"
    data = clip.read_bytes()
    status = ended(run(clip, out, hook=lambda: CHANGES[how](clip)))
    told = (folder / "out.mp4.log").read_text(encoding="utf-8")
    wrong = half_a_file(out) + strays(folder)
    wrong += ["a traceback"] * ("Traceback" in told)
    if status == 0 and "while it was read" not in told:
        wrong.append("nothing is said")
    if (status == 0) != out.exists() or status not in (0, REFUSED):
        wrong.append(f"status {status}")
    clip.write_bytes(data)
    if status:  # it is another file now, as its time of change tells
        again = ended(run(clip, out, "--resume"))
        wrong += [] if again == REFUSED else [f"resuming on another file: status {again}"]
    return wrong + finished(clip, out)


def break_off(folder: Path, error: Exception, resume: bool) -> list[str]:
    """What is wrong after the decoder has failed in the middle, and does so from there on.

    With an error of FFmpeg's the rest is lost, and what there is is a file that says so; with any
    other there is none.
    """

    def prepare() -> None:
        planes, count = Alike.planes, iter(range(FRAMES))

        def failing(self, *frame):
            if next(count) >= HALF:
                raise error
            return planes(self, *frame)

        Alike.planes = failing

    clip, out = write(folder / "in.mp4"), folder / "out.mp4"
    status = ended(run(clip, out, prepare=prepare))
    told = isinstance(error, av.error.FFmpegError)
    wrong = [f"status {status}"] if (status == 0) != told else []
    wrong += ["there is an output"] * (out.exists() != told) + half_a_file(out) + strays(folder)
    return wrong + finished(clip, out, *["--resume"] * resume)


def every(trials: int) -> Iterator[tuple[str, Callable[[Path], list[str]]]]:
    """What is tried, under a name each; names that return are counted together."""
    dice = random.Random(0)
    for kind in STATUS:
        for number in range(trials):
            delays = [dice.uniform(0.02, 1.5) for _ in range(1 + number % 2)]
            resume = number % 3 > 0
            name = f"{kind.name}, then {'--resume' if resume else 'again from the start'}"
            yield name, lambda folder, k=kind, d=delays, r=resume: stop(folder, k, d, r)
    for resume in (True, False):
        then = "--resume" if resume else "again from the start"
        for moment in MOMENTS:
            yield f"disk full {moment}, then {then}", lambda f, m=moment, r=resume: full(f, m, r)
        for error in (av.error.ExternalError(1, "failure"), RuntimeError("failure")):
            name = f"decoder fails ({type(error).__name__}), then {then}"
            yield name, lambda folder, e=error, r=resume: break_off(folder, e, r)
    for how in CHANGES:
        for suffix in (".mp4", ".mkv"):
            name = f"input {how} ({suffix[1:]})"
            yield name, lambda folder, h=how, s=suffix: change(folder, h, s)


def full(folder: Path, moment: str, resume: bool) -> list[str]:
    """`fill` with a small disk, or with a limit on files where none may be mounted."""
    try:
        with small_disk() as disk:
            return fill(folder, disk, moment, resume)
    except PermissionError:
        return fill(folder, None, moment, resume)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    tried: Counter[str] = Counter()
    failures = []
    for name, attempt in every(args.trials):
        with tempfile.TemporaryDirectory() as folder:
            tried[name] += 1
            if wrong := attempt(Path(folder)):
                failures.append(f"{name}: {wrong}")
                sys.stdout.write(failures[-1] + "\n")
    found = {"tried": dict(tried), "total": tried.total(), "failures": failures}
    text = json.dumps(found, indent=1) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(text, encoding="utf-8")
    return min(1, len(failures))


if __name__ == "__main__":
    sys.exit(main())
