"""A model in a process of its own, asked over a pipe: its time and memory are its alone."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vfi.measure.conditions import check_positive
from vfi.runtime.ways import Way

_CHILD = "import sys; from vfi.jobs.subject import serve; serve(sys.argv[1])"


@dataclass(frozen=True)
class Trial:
    """What a process does.

    Attributes:
        way: the model, and how it runs.
        height: of the frames, in pixels.
        width: likewise.
        batch: pairs of frames in a call.
        channels_last: memory layout of weights and frames, in torch.
        device: cpu, cuda or cuda:N.

    Raises:
        ValueError: if a number is below 1.
    """

    way: Way
    height: int = 480
    width: int = 640
    batch: int = 1
    channels_last: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_positive(height=self.height, width=self.width, batch=self.batch)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Trial":
        """The inverse of `dataclasses.asdict`."""
        return cls(**{**data, "way": Way(**data["way"])})


class Apart:
    """A process that loads one model; it works only while it is asked something.

    Use it as a context, or call `close`.

    Args:
        trial: what it does.

    Attributes:
        trial: as given.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        # A pipe that nobody reads would fill up.
        self._told: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, json.dumps(dataclasses.asdict(trial))],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            encoding="utf-8",
        )

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, what: str, **arguments: object) -> Any:
        """What the `vfi.jobs.subject.Subject` there answers.

        Args:
            what: the name of a method of it.
            arguments: the method's.

        Raises:
            ValueError: with the model's name, if it cannot be done or the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps([what, arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        label = self.trial.way.label
        if not line:
            raise ValueError(f"{label}: its process ended: {self._last_words()}")
        reply = json.loads(line)
        if "error" in reply:
            raise ValueError(f"{label}: {reply['error']}")
        return reply["value"]

    def once(self) -> float:
        """Seconds of a call there; the process is idle again when this returns."""
        return float(self.ask("once"))

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._told.close()

    def _last_words(self) -> str:
        status = self._process.wait()
        self._told.seek(0)
        lines = self._told.read().decode("utf-8", "replace").strip().splitlines()
        return (lines or [f"status {status}"])[-1]


@contextlib.contextmanager
def apart(trials: Mapping[str, Trial]) -> Iterator[dict[str, Apart]]:
    """A process for each trial, ended together."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Apart(trial)) for name, trial in trials.items()}
