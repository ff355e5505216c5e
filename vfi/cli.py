"""The command line: Lightning's ``fit``, ``validate``, ``test`` and ``predict``, and other jobs."""

import importlib
import itertools
import logging
import os
import sys
import warnings
from collections.abc import Sequence

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.console import Console
from rich.logging import RichHandler
from typing_extensions import override

from vfi.data.datamodule import TripletDataModule
from vfi.evaluation import EvaluationReport, pruning_of
from vfi.finetune import finetune
from vfi.module import InterpolationModule
from vfi.training import TrainingReport, last_checkpoint

JOBS = {
    "verify": "vfi.data.verify",
    "benchmark": "vfi.benchmark",
    "sweep": "vfi.sweep",
    "plan": "vfi.planning",
    "release": "vfi.release",
    "reproduce": "vfi.reproduce",
    "interpolate": "vfi.interpolate",
    "evaluate_video": "vfi.interpolate",
    "compare_video": "vfi.interpolate",
}
"""Subcommands that are plain functions: name -> module that holds a function of that name."""

TRACEBACK_VARIABLE = "VFI_TRACEBACK"
_USER_ERRORS = (ValueError, OSError, MisconfigurationException)


class RecordConfig(SaveConfigCallback):
    """Hands the resolved configuration to the report instead of writing a file of its own."""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        config = yaml.safe_load(self.parser.dump(self.config, skip_validation=True))
        for callback in trainer.callbacks:
            if isinstance(callback, EvaluationReport | TrainingReport):
                callback.config = config


class VFICLI(LightningCLI):
    """LightningCLI over the project's modules and data."""

    @override
    def __init__(self, args: Sequence[str] | None = None) -> None:
        super().__init__(
            InterpolationModule,
            TripletDataModule,
            subclass_mode_model=True,
            seed_everything_default=0,
            save_config_callback=RecordConfig,
            # The data module's own samplers are exact; Lightning's would pad with duplicates.
            trainer_defaults={"use_distributed_sampler": False, "logger": False},
            parser_kwargs={"description": __doc__, "epilog": f"Other jobs: {', '.join(JOBS)}."},
            args=list(args) if args is not None else None,
        )

    def before_fit(self) -> None:
        """Resumes: callbacks must know in ``setup`` whether there is a checkpoint."""
        settings = self.config_init["fit"]
        if settings.get("ckpt_path"):
            self.trainer.ckpt_path = last_checkpoint(self.trainer, settings.pop("ckpt_path"))

    def after_test(self) -> None:
        """Fine-tunes the pruned network and tests again, where its callback asks for it."""
        pruning = pruning_of(self.trainer)
        if pruning and pruning.finetune:
            finetune(self.trainer, self.instantiate_trainer, self.model, self.datamodule)


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
