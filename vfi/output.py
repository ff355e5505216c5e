"""Standard output that cannot be written ends a command, whoever was writing."""

import contextlib
import errno
import io
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path


class OutputLost(SystemExit):
    """Standard output cannot be written: its disk is full, or its reader has gone.

    Not an `OSError`: argparse would ignore it, and a job may take it for one of its own files.

    Attributes:
        reason: why, in words; empty if the reader has gone, as ``| head`` does once it has enough.
        status: the exit status, 141 (128 and the number of SIGPIPE) if the reader has gone, else 2.
    """

    def __init__(self, error: OSError) -> None:
        gone = isinstance(error, BrokenPipeError)
        self.reason = "" if gone else error.strerror or type(error).__name__
        self.status = 128 + getattr(signal, "SIGPIPE", 13) if gone else 2
        super().__init__(self.status)


class _Output(io.TextIOWrapper):
    """A text stream that raises `OutputLost`, but for a terminal that was closed.

    That is told by SIGHUP, which a training answers by saving: a bar drawn once more must not end
    it before, nor one that was started to outlast its terminal.
    """

    lost: OutputLost | None = None

    def write(self, text: str) -> int:
        with self._told():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._told():
            super().flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
            # What waits to be written would fail again whenever the stream is closed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if hung_up:
                return
            self.lost = OutputLost(error)
            raise self.lost from error


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """Standard output raises `OutputLost` if it cannot be written, at the end at the latest.

    It stays so, since others may keep the stream. Where there is none (a program without a
    console), what is written to it is dropped.

    Raises:
        OutputLost: also if it was raised in a thread, or ignored.
    """
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        yield
        return
    if not isinstance(sys.stdout, io.TextIOWrapper):
        yield
        return
    before = sys.stdout
    output = sys.stdout = _Output(
        before.buffer,
        before.encoding,
        before.errors,
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )
    try:
        yield
    finally:
        output.flush()
        if output.lost is not None:
            raise output.lost
