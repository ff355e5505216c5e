"""Standard output that cannot be written, and signals while a command starts."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from vfi.output import OutputLost, checked_output

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files and signals")
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason=f"there is no {FULL}")
COMMANDS = ["--version", "models", "models --help", "sweep --help", "config test/baseline"]


def command(words: str, stdout) -> tuple[int, str]:
    """The exit status of a command in a process of its own, and what it says of errors."""
    program = [sys.executable, "-m", "vfi", *words.split()]
    done = subprocess.run(
        program, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    return done.returncode, done.stderr


@needs_full
@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk_takes_one_line(words):
    with FULL.open("w") as full:
        status, told = command(words, full)
    assert (status, told.count("\n")) == (2, 1)
    assert told.startswith("error: standard output cannot be written: No space left")


@POSIX
@pytest.mark.parametrize("words", COMMANDS)
def test_a_reader_that_has_gone_takes_none(words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert command(words, writing) == (141, "")
    finally:
        os.close(writing)


@needs_full
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_a_job_or_thread_ignores_is_told_at_the_end(size, monkeypatch):
    def write() -> None:
        with contextlib.suppress(SystemExit):
            sys.stdout.write("x" * size)

    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OutputLost) as lost, checked_output():
            write()
    assert lost.value.status == 2


def test_without_a_console_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with checked_output():
        sys.stdout.write("nothing")
    sys.stdout.close()


def test_other_streams_are_left_alone(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with checked_output():
        assert sys.stdout is stream


_SIGNALLED = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.{number})

signal.signal(signal.SIGINT, signal.{before})  # in a shell's background, it is ignored
sys.meta_path.insert(0, Finder())
sys.argv = ["vfi", "models"]
from vfi.__main__ import main
sys.exit(main())
"""


def start(**changes: str) -> tuple[int, str]:
    """The exit status of a command that is signalled while a module is loaded, and its errors."""
    program = [sys.executable, "-c", _SIGNALLED.format(**changes)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, check=False)
    return done.returncode, done.stderr


@POSIX
@pytest.mark.parametrize("module", ["vfi.cli", "vfi.jobs.models", "torch._utils"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_start_takes_one_line(module, number):
    told = start(module=module, number=number.name, before="default_int_handler")
    assert told == (128 + number, f"error: stopped by {number.name}\n")


@POSIX
def test_what_is_ignored_stays_so():
    assert start(module="vfi.jobs.models", number="SIGINT", before="SIG_IGN") == (0, "")


@POSIX
def test_a_terminal_that_was_closed_is_no_error(monkeypatch):
    import pty

    ours, its = pty.openpty()
    with os.fdopen(its, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        with checked_output():
            os.close(ours)
            for _ in range(2):
                assert sys.stdout.write("dropped\n") == len("dropped\n")
                sys.stdout.flush()
