"""Lightning's own subcommands: fit, validate, test and predict."""

import contextlib
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.strategies import DeepSpeedStrategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from typing_extensions import override

from vfi.data.module import TripletDataModule
from vfi.files import locked
from vfi.shipped import with_bases
from vfi.training import TrainingReport, last_checkpoint, runfolder, settings
from vfi.training.checkpoint_io import SafeCheckpointIO
from vfi.training.evaluation import EvaluationReport, pruning_of
from vfi.training.finetune import finetune
from vfi.training.loop import FitLoop
from vfi.training.module import InterpolationModule
from vfi.training.pruning import ChannelPruning
from vfi.training.resume import checkpointing
from vfi.training.stopping import Stopping
from vfi.training.trainer import callbacks


def run(args: Sequence[str]) -> "VFICLI":
    """Runs ``fit``, ``validate``, ``test`` or ``predict`` with its options; gives what it ran with.

    Raises:
        ValueError: if something is set up wrongly.
        argparse.ArgumentError: if an option or its value is not understood.
    """
    for name in ("lightning.pytorch", "lightning.fabric"):  # they advertise at INFO
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return VFICLI(args)
    except MisconfigurationException as error:
        raise ValueError(str(error)) from error


class RecordConfig(SaveConfigCallback):
    """Hands the resolved configuration to the report instead of writing a file of its own."""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        config = yaml.safe_load(self.parser.dump(self.config, skip_validation=True))
        config.pop("base", None)  # all of it is in here
        for callback in callbacks(trainer):
            if isinstance(callback, EvaluationReport | TrainingReport):
                callback.config = config


class VFICLI(LightningCLI):
    """LightningCLI over the project's modules and data.

    The trainer's ``default_root_dir`` is the run folder of every command; it is one run's alone.
    """

    @override
    def __init__(self, args: Sequence[str] | None = None) -> None:
        args = with_bases(sys.argv[1:] if args is None else args)
        self._asked = args[0] if args else ""
        super().__init__(
            InterpolationModule,
            TripletDataModule,
            subclass_mode_model=True,
            seed_everything_default=0,
            save_config_callback=RecordConfig,
            # The data module's own samplers are exact; Lightning's would pad with duplicates.
            trainer_defaults={"use_distributed_sampler": False, "logger": False},
            parser_kwargs={"prog": "vfi", "description": __doc__, "exit_on_error": False},
            args=args,
        )

    @override
    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The one that is asked for, else all: each has a parser that takes time to make."""
        known = super().subcommands()
        return {self._asked: known[self._asked]} if self._asked in known else known

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--base", type=str | None, help="the configuration that is changed")
        parser.add_argument(
            "--overwrite", type=bool, default=False, help="replace an earlier run in the run folder"
        )

    @override
    def _parse_ckpt_path(self) -> None:
        """Leaves the checkpoint to what loads it: its model's options are not taken from it."""

    @override
    def before_instantiate_classes(self) -> None:
        """Checks numbers, and names the run folder, before anything is made."""
        command = str(self.subcommand)
        config = self.config[command]
        settings.check(command, config.as_dict())
        config.trainer.default_root_dir = config.trainer.default_root_dir or (f"runs/{command}")
        runfolder.check_folder(Path(config.trainer.default_root_dir))

    @override
    def instantiate_trainer(self, **options: Any) -> Trainer:
        """A trainer whose checkpoints are whole, lie in the run folder, and outlast a signal."""
        trainer = super().instantiate_trainer(**options)
        trainer.fit_loop = FitLoop(trainer)
        held = callbacks(trainer)
        held.append(Stopping())
        held[:] = trainer._callback_connector._reorder_callbacks(held)
        if not isinstance(trainer.strategy, DeepSpeedStrategy):
            trainer.strategy.checkpoint_io = SafeCheckpointIO()
        # Those of the best come first: what the others keep then knows of it.
        held.sort(key=lambda c: isinstance(c, ModelCheckpoint) and c.monitor is None)
        for callback in checkpointing(trainer):  # with a logger, it would be the logger's folder
            callback.dirpath = callback.dirpath or str(
                Path(trainer.default_root_dir) / "checkpoints"
            )
        return trainer

    @override
    def _run_subcommand(self, subcommand: str) -> None:
        """Runs it alone in its folder; what ends it here ends the other processes, too."""
        with self._held(subcommand):
            try:
                super()._run_subcommand(subcommand)
            except BaseException as error:
                others = self._taken_over()
                lost = isinstance(error, RuntimeError) and "by peer" in str(error)  # gloo's words
                message = _ended(others) if lost else ""
                for other in others:  # they may wait for this one in vain
                    other.kill()
                if lost:
                    raise ValueError(message) from error
                if isinstance(error, SystemExit) and isinstance(
                    error.__context__, KeyboardInterrupt
                ):  # of which Lightning makes 1
                    raise KeyboardInterrupt from error
                raise

    def before_fit(self) -> None:
        """Resumes: callbacks must know in ``setup`` whether there is a checkpoint."""
        # Pruning first, wherever a configuration adds it: others look at what it leaves.
        callbacks(self.trainer).sort(key=lambda callback: not isinstance(callback, ChannelPruning))
        options = self.config_init["fit"]
        asked, folder = options.pop("ckpt_path", None), Path(self.trainer.default_root_dir)
        first, overwrite = self.trainer.is_global_zero, options.overwrite
        if first and overwrite:
            runfolder.clear("fit", folder, overwrite)
        path = last_checkpoint(self.trainer, asked) if asked else None
        if first:  # a run that was stopped before its first checkpoint begins again
            runfolder.clear("fit", folder, overwrite or asked == "last", path)
        if path:
            self.trainer.ckpt_path = path
        else:
            options.ckpt_path = None

    def before_validate(self) -> None:
        """Finds the checkpoint."""
        self._find("validate")

    def before_test(self) -> None:
        """Finds the checkpoint, and makes sure that no other run is replaced."""
        self._find("test")

    def before_predict(self) -> None:
        """Likewise."""
        self._find("predict")

    def after_test(self) -> None:
        """Fine-tunes the pruned network and tests again, where its callback asks for it."""
        pruning = pruning_of(self.trainer)
        if pruning and pruning.finetune:
            finetune(self.trainer, self.instantiate_trainer, self.model, self.datamodule)

    def _find(self, command: str) -> None:
        options = self.config_init[command]
        if options.get("ckpt_path"):
            options["ckpt_path"] = last_checkpoint(self.trainer, options["ckpt_path"], needed=True)
        if self.trainer.is_global_zero:
            runfolder.clear(command, Path(self.trainer.default_root_dir), options.overwrite)

    @contextlib.contextmanager
    def _held(self, command: str) -> Iterator[None]:
        """Keeps the run folder for this command; the first process does so for all."""
        if not self.trainer.is_global_zero or command == "validate":
            yield
            return
        with locked(self.trainer.default_root_dir):
            yield

    def _taken_over(self) -> list[subprocess.Popen[bytes]]:
        """The processes that this one started, which Lightning need not look after any more.

        Every 5 seconds it does, and kills this one too, amid its last words, where one has failed.
        """
        watched = getattr(self.trainer.strategy.launcher, "procs", [])
        started = list(watched)
        watched.clear()
        return started


def _ended(started: Sequence[subprocess.Popen[bytes]]) -> str:
    """Which of the processes that this one started has ended, and how."""
    for rank, process in enumerate(started, start=1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(timeout=2)  # a connection may break before the process ends
            how = (
                f"was killed by {signal.Signals(-status).name}"
                if status < 0
                else "ended; its own message says why"
            )
            return f"process {rank} of this run (pid {process.pid}) {how}"
    return "another process of this run ended; its own message says why"
