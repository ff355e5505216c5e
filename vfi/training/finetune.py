"""What follows the test of a pruned network when its callback says ``finetune``."""

import logging
from collections.abc import Callable
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

from vfi import reporting
from vfi.data.module import TripletDataModule
from vfi.data.overlap import overlap
from vfi.training.evaluation import EvaluationReport, pruning_of
from vfi.training.trainer import callbacks, network_of

logger = logging.getLogger(__name__)


def finetune(
    trainer: Trainer,
    make_trainer: Callable[..., Trainer],
    module: LightningModule,
    data: TripletDataModule,
) -> None:
    """Trains the pruned network, tests it and the dense one, and sets all three side by side.

    The run folder of the test gets ``dense/`` and ``finetuned/`` with the reports of those tests,
    ``comparison.csv`` and ``comparison.json``. The module keeps the fine-tuned network.

    Args:
        trainer: has just tested ``module`` under `ChannelPruning`, with an `EvaluationReport`.
        make_trainer: gives a trainer of the same kind, with the settings that it is called with.
        module: has its dense network back.
        data: has a training set.

    Raises:
        ValueError: if the trainer has no `EvaluationReport`.
    """
    pruning, evaluation = pruning_of(trainer), _report_of(trainer)
    if pruning is None or pruning.finetune is None:
        raise ValueError("finetune follows a test under ChannelPruning that asks for it")
    if overlap(data.train, data.tested):
        logger.warning(
            "fine-tuning on the set that is tested (%s): the figures will say nothing; set "
            "data.train.source and data.train.root to another one",
            data.source,
        )
    rows = {"pruned": evaluation.headline} if trainer.is_global_zero else {}
    folder = evaluation.output

    def test(name: str) -> None:
        evaluation.part = name
        trainer.test(module, datamodule=data, verbose=False)
        if trainer.is_global_zero:
            rows[name] = evaluation.headline

    try:
        kept = callbacks(trainer)[:]
        callbacks(trainer).remove(pruning)
        try:
            test("dense")
        finally:
            callbacks(trainer)[:] = kept
        fitter = make_trainer(
            max_steps=pruning.finetune.steps,
            max_epochs=pruning.finetune.steps,  # an epoch has at least one step
            limit_val_batches=0,
            enable_checkpointing=False,
            callbacks=[pruning, *([RichProgressBar()] if trainer.progress_bar_callback else [])],
        )
        network_of(module).train()
        fitter.fit(module, datamodule=data)
        test("finetuned")
    finally:
        evaluation.part = ""
    if trainer.is_global_zero:
        _compare(
            [{"stage": name, **rows[name]} for name in ("dense", "pruned", "finetuned")], folder
        )


def _report_of(trainer: Trainer) -> EvaluationReport:
    for callback in callbacks(trainer):
        if isinstance(callback, EvaluationReport):
            return callback
    raise ValueError("finetune compares reports: add vfi.training.EvaluationReport to callbacks")


def _compare(rows: list[dict[str, Any]], folder: Any) -> None:
    reporting.write_csv(rows, folder / "comparison.csv")
    reporting.write_json(rows, folder / "comparison.json")
    columns = ("stage", "triplets", "psnr", "ssim", "parameters", "flops", "median_ms", "speedup")
    reporting.table("before and after", [{c: row.get(c) for c in columns} for row in rows])
    logger.info("wrote %s", folder / "comparison.csv")
