"""The callback that keeps the run folder of a training: log, curves, pictures, record."""

import dataclasses
import logging
import math
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from typing_extensions import override

from vfi import reporting
from vfi.files import writable_folder
from vfi.measure.means import group_of, mean_scores
from vfi.reporting import sheets
from vfi.reporting.runs import read_run
from vfi.training import runs
from vfi.training.evaluation import gathered, pruning_of
from vfi.training.history import Log
from vfi.training.resume import checkpointing
from vfi.training.trainer import datamodule

logger = logging.getLogger(__name__)


class TrainingReport(Callback):
    """Validates by groups, and writes the run folder, the trainer's ``default_root_dir``.

    Of triplets from clips, whose names tell their stride (the frames between neighbours), the mean
    PSNR of each stride is logged as ``val/psnr_stride<n>``, of rendered ones that of each class of
    motion as ``val/psnr_motion_<class>``: what is lost in large motion is not hidden by the many
    small ones. The folder holds:

    - ``losses.csv``: loss, its terms and learning rate, every ``log_every_n_steps`` steps;
    - ``validation.csv``: PSNR and SSIM of each validation. The first one, before training, is there
      if it is a whole one (``num_sanity_val_steps: -1``);
    - ``curves.svg``: both over steps;
    - ``validation.png``: for each of these groups, the triplet that the network finds hardest;
    - ``run.json``: configuration, data, pruning and environment, for `vfi.jobs.release`.

    A resumed run goes on in the same files.

    Args:
        pictures: whether those are drawn, anew after each validation.

    Attributes:
        config: the configuration to put on record.
    """

    def __init__(self, pictures: bool = True) -> None:
        self.pictures = pictures
        self.config: dict[str, Any] = {}
        self._losses: list[dict[str, float]] = []  # of the micro-batches since the last row
        self._step = 0
        self._rows: list[dict[str, Any]] = []
        self._hardest: dict[str, sheets.Triplet] = {}

    @override
    def state_dict(self) -> dict[str, Any]:
        """What the next row of losses already holds."""
        return {"losses": list(self._losses)}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._losses = list(state_dict["losses"])

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Proves that the run folder can be written, before any work is done."""
        if stage == "fit":
            writable_folder(trainer.default_root_dir)

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts on record what is about to run, or that it goes on; a run has one record."""
        self._step = trainer.global_step
        if not trainer.is_global_zero:
            return
        data, pruning = datamodule(trainer), pruning_of(trainer)
        record = {
            "command": ["python", "lightning_cli.py", *sys.argv[1:]],
            "config": self.config,
            "network": pl_module.source,
            "pruning": pruning.report() if pruning else None,
            "train": data.identity("train"),
            "validation": dataclasses.asdict(data.validated),
            "environment": reporting.environment(),
        }
        path = Path(trainer.default_root_dir) / reporting.RECORD
        if trainer.ckpt_path and path.exists():
            record = runs.resumed(read_run(path), record, self._resumed_step(trainer))
        reporting.write_json(record, path)

    @override
    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: STEP_OUTPUT,
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        """Logs the losses, as means over all processes and the steps since they were last logged.

        A step's losses are the means of its micro-batches, where gradients are accumulated.
        """
        metrics = trainer.callback_metrics.items()
        losses = {name: float(v) for name, v in metrics if name.startswith("loss")}
        if trainer.world_size > 1:  # at once: a checkpoint keeps those of one process alone
            here = torch.tensor(list(losses.values()), device=trainer.strategy.root_device)
            everywhere = trainer.strategy.reduce(here, reduce_op="mean").tolist()
            losses = dict(zip(losses, everywhere, strict=True))
        self._losses.append(losses)
        step = trainer.global_step
        if step == self._step:
            return  # gradients are still being gathered
        self._step = step
        if step % getattr(trainer, "log_every_n_steps", 1):
            return
        means = {n: fmean(row[n] for row in self._losses) for n in self._losses[-1]}
        self._losses = []
        if trainer.is_global_zero:
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            Log(trainer.default_root_dir).add_losses({"step": step, "lr": rate, **means})

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._rows, self._hardest = [], {}

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Notes scores, and the pictures of the triplets that are the hardest so far."""
        for place, name in enumerate(batch["id"]):
            psnr, ssim = (float(outputs[score][place]) for score in ("psnr", "ssim"))
            self._rows.append({"id": name, "psnr": psnr, "ssim": ssim})
            group = group_of(name)
            label = f"{group.replace('_', ' ')}, hardest" if group else "hardest"
            if label not in self._hardest or psnr < self._hardest[label].psnr:
                frames = {key: batch[key][place].cpu() for key in ("img0", "gt", "img1")}
                prediction = outputs["prediction"][place].float().cpu()
                self._hardest[label] = sheets.Triplet(
                    label, name, **frames, prediction=prediction, psnr=psnr, ssim=ssim
                )

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes means, of all and of each group."""
        figures = mean_scores(gathered(self._rows))
        if not trainer.sanity_checking:
            groups = {f"val/{name}": mean for name, mean in figures.items() if "psnr_" in name}
            pl_module.log_dict(groups, sync_dist=True)
        elif trainer.global_step or math.isfinite(trainer.num_sanity_val_steps):
            return  # it only shows that validation works
        if trainer.state.fn == "fit" and trainer.is_global_zero:
            Log(trainer.default_root_dir).add_scores({"step": trainer.global_step, **figures})

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Renews the pictures."""
        if trainer.state.fn != "fit" or not (self.pictures and trainer.is_global_zero):
            return
        folder, step = Path(trainer.default_root_dir), trainer.global_step
        hardest = [self._hardest[label] for label in sorted(self._hardest)]
        sheets.triplet_sheet(hardest, folder / "validation.png", f"after {step} steps")
        Log(folder).draw(
            f"{pl_module.source}: {step} of {trainer.estimated_stepping_batches} steps"
        )

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Says where everything is."""
        if not trainer.is_global_zero:
            return
        for callback in checkpointing(trainer):
            if callback.monitor and callback.best_model_score is not None:
                score, path = callback.best_model_score, callback.best_model_path
                logger.info("best %s %.3f: %s", callback.monitor, score, path)
        logger.info("wrote %s", trainer.default_root_dir)

    @staticmethod
    def _resumed_step(trainer: Trainer) -> int:
        """The step of the checkpoint that training goes on from; its loops are restored later."""
        content = torch.load(
            str(trainer.ckpt_path), map_location="cpu", weights_only=True, mmap=True
        )
        return int(content["global_step"])
