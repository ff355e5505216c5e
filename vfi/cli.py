"""The command line: Lightning's ``fit``, ``validate``, ``test`` and ``predict``, and other jobs."""

import importlib
import itertools
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from jsonargparse import ActionConfigFile, ArgumentParser
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console
from rich.logging import RichHandler

from vfi.training.command import VFICLI

JOBS = {
    "verify": "vfi.jobs.verify",
    "benchmark": "vfi.jobs.benchmark",
    "sweep": "vfi.jobs.sweep",
    "plan": "vfi.jobs.plan",
    "release": "vfi.jobs.release",
    "reproduce": "vfi.jobs.reproduce",
    "interpolate": "vfi.jobs.interpolate",
    "evaluate_video": "vfi.jobs.evaluate_video",
    "compare_video": "vfi.jobs.compare_video",
}
"""Subcommands that are plain functions: name -> module that holds a function of that name."""

TRACEBACK_VARIABLE = "VFI_TRACEBACK"
_USER_ERRORS = (ValueError, OSError, MisconfigurationException)


def run_job(name: str, args: Sequence[str]) -> None:
    """Runs the job ``name`` with command-line arguments."""
    function = getattr(importlib.import_module(JOBS[name]), name)
    parser = ArgumentParser(
        prog=f"lightning_cli.py {name}", description=function.__doc__.splitlines()[0]
    )
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="a YAML file of options")
    parser.add_function_arguments(function)
    settings = parser.instantiate_classes(parser.parse_args(_spelled(args, parser)))
    settings.pop("config", None)
    function(**settings)


def _spelled(args: Sequence[str], parser: ArgumentParser) -> list[str]:
    """Options as they are declared: hyphens as underscores, a bare ``--resume`` as true."""
    switches = {
        f"--{name}" for name, value in vars(parser.get_defaults()).items() if value is False
    }
    spelled = []
    for arg, following in itertools.zip_longest(args, args[1:], fillvalue="--"):
        name, *value = arg.split("=", 1) if arg.startswith("--") else (arg,)
        if arg.startswith("--"):
            name = name.replace("-", "_").replace("__", "--", 1)
        spelled.append("=".join([name, *value]))
        if name in switches and not value and following.startswith("-"):
            spelled.append("true")
    return spelled


def main(args: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status; what the user got wrong takes one line."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        datefmt="[%X]",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False)],
    )
    os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")  # checkpoints may be a stranger's
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # it advertises at INFO
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")  # from `reproduce`
    given = sys.argv[1:] if args is None else list(args)
    try:
        if given and given[0] in JOBS:
            run_job(given[0], given[1:])
        else:
            VFICLI(args)
    except KeyboardInterrupt:
        return 130
    except _USER_ERRORS as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        logging.getLogger(__name__).error("%s", _own_words(error))
        return 2
    return 0


def _own_words(error: BaseException) -> str:
    """The project's own message, without what jsonargparse and loader processes wrap it in."""
    while "Union subtypes" in str(error) and error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip()
    if "DataLoader worker process" in text:  # the worker's traceback, which ends in its message
        return text.splitlines()[-1].partition(": ")[2]
    return text
