"""The command ``vfi``: finds what was asked for, runs it, and tells every error in one line."""

import argparse
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TextIO

from vfi import commands
from vfi._about import DISTRIBUTION, __version__
from vfi.allocator import keep_freed_memory
from vfi.commands import COMMANDS, EXTRAS, RENAMED
from vfi.output import OutputLost, checked_output
from vfi.stopping import Stopped, ending_at_once, stoppable

TRACEBACK_VARIABLE = "VFI_TRACEBACK"
INTERRUPTED = 130

logger = logging.getLogger(__name__)


def main(args: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status; what the user got wrong takes one line.

    Args:
        args: the words after the program's name; those of the process if None.

    Returns:
        0, 2 after an error of the user, 130 after Ctrl-C, 143 after SIGTERM, 141 if what read its
        output has gone.
    """
    if args is not None:
        return _main(list(args), contextlib.nullcontext())
    keep_freed_memory()  # the process is ours
    try:
        with checked_output():
            return _main(sys.argv[1:], ending_at_once())
    except OutputLost as lost:
        if lost.reason:
            logger.error("standard output cannot be written: %s", lost.reason)
        return lost.status


def _main(args: list[str], starting: AbstractContextManager[None]) -> int:
    """Runs one command, which is loaded within ``starting``; gives the exit status."""
    given, level, debug = _own_options(args)
    _prepare(level)
    try:
        with starting:
            job = _job(given)
        with stoppable():
            job()
    except KeyboardInterrupt:
        logger.error("stopped by SIGINT")
        return INTERRUPTED
    except Stopped as stop:
        if not stop.said:
            logger.error("stopped by %s", stop.signal.name)
        return stop.status
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if debug or extra is None:
            raise
        name = given[0] if given else "this"
        logger.error(
            "%s needs %s; install it by: pip install '%s[%s]'",
            name,
            error.name,
            DISTRIBUTION,
            extra,
        )
        return 2
    except (ValueError, OSError, argparse.ArgumentError) as error:
        if debug:
            raise
        logger.error("%s", one_line(error))
        return 2
    return 0


def _job(given: list[str]) -> Callable[[], object]:
    """The command that the first word names, or `interpolate` where it names an input."""
    if not given or given[0] in ("-h", "--help", "help"):
        return partial(sys.stdout.write, commands.overview())
    if given[0] == "--version":
        return partial(sys.stdout.write, f"vfi {__version__}\n")
    name, *rest = command_of(given)
    if COMMANDS[name].where is None:
        from vfi.training.command import run

        return partial(run, [name, *rest])
    from vfi.parsing import job_of

    return job_of(name, rest)


def command_of(given: Sequence[str]) -> list[str]:
    """The same words with the name of a command in front.

    Raises:
        ValueError: if the first word is neither a command nor may be an input.
    """
    first = given[0].replace("-", "_")
    name = RENAMED.get(first, first)
    if name in COMMANDS:
        return [name, *given[1:]]
    if given[0].startswith("-") or Path(given[0]).suffix or Path(given[0]).exists():
        return ["interpolate", *given]
    import difflib

    close = difflib.get_close_matches(first, [*COMMANDS, *RENAMED], 1, 0.5)
    hint = f"did you mean {RENAMED.get(close[0], close[0])}? " if close else ""
    raise ValueError(
        f"{given[0]!r} is neither a command nor a file; {hint}vfi --help lists the commands"
    )


def _own_options(args: list[str]) -> tuple[list[str], int, bool]:
    """Takes out what all commands share: how much is told."""
    level, debug = logging.INFO, bool(os.environ.get(TRACEBACK_VARIABLE))
    lightning = bool(args) and args[0] in COMMANDS and COMMANDS[args[0]].where is None
    long = not lightning  # Lightning has a --verbose of its own, with a value
    rest = []
    for word in args:
        if word == "-q" or (long and word == "--quiet"):
            level = logging.WARNING
        elif word == "-v" or (long and word == "--verbose"):
            level = logging.DEBUG
        elif word == "--debug":
            debug = True
        else:
            rest.append(word)
    return rest, level, debug


def _prepare(level: int) -> None:
    """Sets up what is told, and where."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console of Windows may lack letters
            stream.reconfigure(errors="replace")
    root = logging.getLogger()
    if not any(isinstance(handler, _Stderr) for handler in root.handlers):
        root.addHandler(_Stderr())
    root.setLevel(logging.WARNING)  # others' packages tell how they go about it, torch even at exit
    logging.getLogger("vfi").setLevel(level)
    os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")  # checkpoints may be a stranger's
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")  # from `reproduce`


class _Stderr(logging.StreamHandler[TextIO]):
    """A line a message on what is the error stream then: above a progress bar if one is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        kind = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return kind + super().format(record)


def one_line(error: BaseException) -> str:
    """The project's own message, without what jsonargparse and loader processes wrap it in."""
    whole = str(error).strip()
    while "Union subtypes" in str(error) and error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip()
    if text.startswith("Expected"):
        text = whole  # which knows whose value it is
    if "DataLoader worker process" in text:  # the worker's traceback, which ends in its message
        text = text.splitlines()[-1].partition(": ")[2]
    if isinstance(error, UnicodeDecodeError):
        text = "a file among the options is no text in UTF-8"
    if isinstance(error, UnicodeEncodeError):
        given = ascii(error.object[error.start : error.end])
        text = f"this system takes no {given} in {error.encoding}; set PYTHONUTF8=1"
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{error.filename}: {error.strerror}"
    if "\n" in text or text.startswith(("Parser key", "unrecognized", "the following")):
        from vfi.parsing import plain

        text = plain(text)
    return text or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
