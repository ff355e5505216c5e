"""The callback that keeps the run folder of a training: log, curves, pictures, record."""

import dataclasses
import logging
import math
import re
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from vfi import plots, report
from vfi.evaluation import gathered, pruning_of
from vfi.files import writable_folder
from vfi.training.log import draw, read
from vfi.training.resume import checkpointing

logger = logging.getLogger(__name__)

_STRIDE = re.compile(r"\+(\d+)$")  # at the end of the ids of triplets from clips
_PSNR = "val/psnr"


class TrainingReport(Callback):
    """Validates by stride, and writes the run folder of a training.

    Of triplets from clips, whose names tell their stride (the frames between neighbours), the mean
    PSNR of each stride is logged as ``val/psnr_stride<n>``: what is lost in large motion is not
    hidden by the many small ones. The folder holds, renewed by each validation:

    - ``training.csv``: what the `CSVLogger` logged, over all stretches of a resumed run;
    - ``curves.png``: losses and PSNR over steps;
    - ``validation.png``: for each stride, the triplet that the network finds hardest;
    - ``run.json``: configuration, data, pruning and environment, for `vfi.release`.

    The validation before the first step, if it is a whole one (``num_sanity_val_steps: -1``), is
    logged as step 0: the pruned network before training.

    Args:
        output: the run folder.

    Attributes:
        config: the configuration to put on record.
    """

    def __init__(self, output: str = "runs/finetune") -> None:
        self.output = Path(output)
        self.config: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        self._hardest: dict[str, plots.Triplet] = {}

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Proves that the run folder can be written, before any work is done."""
        if stage == "fit":
            writable_folder(self.output)

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts on record what is about to run."""
        if not trainer.is_global_zero:
            return
        data, pruning = trainer.datamodule, pruning_of(trainer)
        record = {
            "command": ["python", "lightning_cli.py", *sys.argv[1:]],
            "config": self.config,
            "network": pl_module.source,
            "pruning": pruning.report() if pruning else None,
            "train": data.identity("train"),
            "validation": dataclasses.asdict(data.validated),
            "environment": report.environment(),
        }
        report.write_json(record, self.output / "run.json")

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._rows, self._hardest = [], {}

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: dict[str, Any],
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Notes scores, and the pictures of the triplets that are the hardest so far."""
        for place, name in enumerate(batch["id"]):
            psnr, ssim = (float(outputs[score][place]) for score in ("psnr", "ssim"))
            found = _STRIDE.search(name)
            group = f"stride{found[1]}" if found else "all"
            self._rows.append({"group": group, "psnr": psnr})
            if group not in self._hardest or psnr < self._hardest[group].psnr:
                frames = {key: batch[key][place].cpu() for key in ("img0", "gt", "img1")}
                prediction = outputs["prediction"][place].float().cpu()
                label = "hardest" if group == "all" else f"hardest, {group}"
                self._hardest[group] = plots.Triplet(
                    label, name, **frames, prediction=prediction, psnr=psnr, ssim=ssim
                )

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the mean of each stride."""
        means = _means(gathered(self._rows))
        strides = {f"{_PSNR}_{group}": mean for group, mean in means.items() if group != "all"}
        if not trainer.sanity_checking:
            pl_module.log_dict(strides, sync_dist=True)
        elif trainer.logger and _starts(trainer):
            trainer.logger.log_metrics({_PSNR: means["all"], **strides}, step=0)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Renews tables and pictures."""
        if trainer.state.fn != "fit" or not trainer.is_global_zero:
            return
        step = trainer.global_step
        hardest = [self._hardest[group] for group in sorted(self._hardest)]
        plots.triplet_sheet(hardest, self.output / "validation.png", f"after step {step}")
        if trainer.logger and trainer.logger.root_dir:
            trainer.logger.save()
            log = read(trainer.logger.root_dir)
            if log.empty:
                return
            report.write_csv(log, self.output / "training.csv")
            draw(log, self.output / "curves.png", f"{pl_module.source}, {step} steps")

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Says where the best weights are."""
        if not trainer.is_global_zero:
            return
        for callback in checkpointing(trainer):
            if callback.monitor and callback.best_model_path:
                score, path = callback.best_model_score, callback.best_model_path
                logger.info("best %s %.3f: %s", callback.monitor, score, path)
        logger.info("wrote %s", self.output)


def _starts(trainer: Trainer) -> bool:
    """Whether all is validated before the first step, and not only to see that it can be."""
    return trainer.global_step == 0 and math.isinf(trainer.num_sanity_val_steps)


def _means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The mean PSNR of each group and of all."""
    groups: dict[str, list[float]] = {"all": [row["psnr"] for row in rows]}
    for row in rows:
        if row["group"] != "all":
            groups.setdefault(row["group"], []).append(row["psnr"])
    return {name: float(torch.tensor(groups[name]).double().mean()) for name in sorted(groups)}
