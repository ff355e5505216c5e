"""Lightning's own subcommands: fit, validate, test and predict."""

import sys
from collections.abc import Sequence

import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from typing_extensions import override

from vfi.data.module import TripletDataModule
from vfi.shipped import with_bases
from vfi.training import TrainingReport, last_checkpoint
from vfi.training.evaluation import EvaluationReport, pruning_of
from vfi.training.finetune import finetune
from vfi.training.module import InterpolationModule
from vfi.training.pruning import ChannelPruning


def run(args: Sequence[str]) -> None:
    """Runs ``fit``, ``validate``, ``test`` or ``predict`` with its options.

    Raises:
        ValueError: if something is set up wrongly.
        argparse.ArgumentError: if an option or its value is not understood.
    """
    try:
        VFICLI(args)
    except MisconfigurationException as error:
        raise ValueError(str(error)) from error


class RecordConfig(SaveConfigCallback):
    """Hands the resolved configuration to the report instead of writing a file of its own."""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        config = yaml.safe_load(self.parser.dump(self.config, skip_validation=True))
        config.pop("base", None)  # all of it is in here
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
            parser_kwargs={"prog": "vfi", "description": __doc__, "exit_on_error": False},
            args=with_bases(sys.argv[1:] if args is None else args),
        )

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--base", type=str | None, help="the configuration that is changed")

    def before_fit(self) -> None:
        """Resumes: callbacks must know in ``setup`` whether there is a checkpoint."""
        # Pruning first, wherever a configuration adds it: others look at what it leaves.
        self.trainer.callbacks.sort(key=lambda callback: not isinstance(callback, ChannelPruning))
        settings = self.config_init["fit"]
        if settings.get("ckpt_path"):
            self.trainer.ckpt_path = last_checkpoint(self.trainer, settings.pop("ckpt_path"))

    def after_test(self) -> None:
        """Fine-tunes the pruned network and tests again, where its callback asks for it."""
        pruning = pruning_of(self.trainer)
        if pruning and pruning.finetune:
            finetune(self.trainer, self.instantiate_trainer, self.model, self.datamodule)
