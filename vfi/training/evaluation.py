"""The callback that turns a test into a run folder: figures, rows and pictures."""

import dataclasses
import logging
import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import IterableDataset, default_collate
from typing_extensions import override

from vfi import measure, reporting
from vfi.checkpoints import save_network
from vfi.files import writable_folder
from vfi.measure.protocol import SCORES
from vfi.models import RIFE
from vfi.reporting import sheets
from vfi.training.pruning import ChannelPruning
from vfi.training.tested import tested
from vfi.training.trainer import callbacks, network_of

logger = logging.getLogger(__name__)
_COSTS = ("parameters", "macs", "flops", "weights_mib", "median_ms", "p90_ms", "fps", "speedup")


class EvaluationReport(Callback):
    """Writes ``metrics.json``, ``metrics.csv``, ``per_triplet.csv`` and ``triplets.png``.

    Of a network that `ChannelPruning` pruned, also ``plan.json`` and, if it is compact, the network
    itself (``network.safetensors``); its latency is measured beside the dense network's.

    They lie in the trainer's ``default_root_dir``. The report names what was tested: the file and
    its hash, the shape in words, pruning and precision.

    Args:
        latency_size: height and width in pixels at which FLOPs are counted and latency is measured.
        repeats: timed forward passes; 0 measures no latency.
        pictures: whether the best, median and worst triplets are drawn.

    Attributes:
        config: the configuration to put on record.
        summary: after the test, the contents of ``metrics.json``.
        part: a folder in the run folder to write to instead.
        output: where the report lies, once a test has begun.

    Raises:
        ValueError: if ``latency_size`` or ``repeats`` is out of bounds.
    """

    def __init__(
        self,
        latency_size: tuple[int, int] = (480, 640),
        repeats: int = 10,
        pictures: bool = True,
    ) -> None:
        if repeats < 0:
            raise ValueError(f"repeats is {repeats}; it must be 0 (no latency) or more")
        measure.check_positive(height=latency_size[0], width=latency_size[1])
        self.part = ""
        self.output = Path()
        self.latency_size = latency_size
        self.repeats = repeats
        self.pictures = pictures
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        self._network_seconds = 0.0
        self._started = 0.0

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Proves that the run folder can be written, before any work is done."""
        if stage == "test":
            self.output = writable_folder(Path(trainer.default_root_dir) / self.part)

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._rows, self._network_seconds, self._started = [], 0.0, time.perf_counter()

    @override
    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps a row of scores for every triplet of the batch."""
        self._network_seconds += outputs["seconds"]
        columns = {"index": batch["index"].tolist(), "id": list(batch["id"])}
        columns |= {name: outputs[name].tolist() for name in SCORES}
        self._rows += [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gathers all processes' rows; the first process writes the run folder.

        Here, not at the test's end: callbacks that changed the network undo it there.
        """
        seconds = {
            "network": self._network_seconds,
            "test": time.perf_counter() - self._started,
        }
        rows = gathered(self._rows)
        if not trainer.is_global_zero:
            return
        rows = pd.DataFrame(rows).sort_values(["index", "id"], ignore_index=True)
        loader: Any = trainer.test_dataloaders
        dataset = loader.dataset
        pruning = pruning_of(trainer)
        self.summary = {
            "scores": {name: math.fsum(rows[name]) / len(rows) for name in SCORES},
            "triplets": len(rows),
            "dataset": dataset.identity(),
            "model": {
                "source": pl_module.source,
                **self._costs(pl_module, pruning.dense if pruning else None),
                **tested(trainer, pl_module),  # after the costs, which have a precision, too
                "pruning": pruning.report() if pruning else None,
            },
            "seconds": seconds,
            "processes": trainer.world_size,
            "peak_memory_mib": measure.peak_memory_mib(pl_module.device),
            "environment": reporting.environment(),
            "config": self.config,
        }
        reporting.write_csv(rows, self.output / "per_triplet.csv")
        reporting.write_csv([self.headline], self.output / "metrics.csv")
        reporting.write_json(self.summary, self.output / "metrics.json")
        if pruning and pruning.plan:
            reporting.write_json(pruning.plan.to_dict(), self.output / "plan.json")
        if pruning and pruning.mode == "compact":
            path = self.output / "network.safetensors"
            save_network(network_of(pl_module), path, parent=pl_module.source)
        if self.pictures and not isinstance(dataset, IterableDataset):
            self._draw(pl_module, dataset, rows)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the figures, once the progress bar has left the screen."""
        if trainer.is_global_zero:
            pruning = self.summary["model"]["pruning"] or {}
            title = str(self.summary["dataset"]["name"])
            reporting.table(title, [self.headline], caption=pruning.get("note"))
            logger.info("wrote %s", self.output)

    @property
    def headline(self) -> dict[str, Any]:
        """The figures of `summary` that make a row of a table."""
        model = self.summary["model"]
        costs = {name: model[name] for name in _COSTS if name in model}
        return {
            "model": model["name"],
            "refine": model["refine"],
            "removed": (model["pruning"] or {}).get("ratio", 0.0),
            "runtime": model["runtime"],
            "precision": model["precision"],
            "triplets": self.summary["triplets"],
            **self.summary["scores"],
            **costs,
        }

    def _costs(self, pl_module: Any, dense: RIFE | None) -> dict[str, Any]:
        """Size and speed of the network as it was tested, beside the dense one if it was pruned."""
        if pl_module.network is None:  # a baseline that is none
            return {}
        size = self.latency_size
        costs = dataclasses.asdict(measure.efficiency(network_of(pl_module), *size))
        if self.repeats:
            models = {"dense": pl_module.ready(dense)} if dense else {}
            conditions = measure.Conditions(*size, channels_last=True, device=str(pl_module.device))
            measured = measure.compare_latency(
                {**models, "network": pl_module}, conditions, repeats=self.repeats
            )
            costs |= dataclasses.asdict(measured["network"])
            if dense:
                costs["dense_median_ms"] = measured["dense"].median_ms
            else:
                del costs["speedup"]  # over itself
        return costs | {"spec": network_of(pl_module).spec.to_dict()}

    def _draw(self, pl_module: LightningModule, dataset: Any, rows: pd.DataFrame) -> None:
        chosen = sheets.best_median_worst(rows["psnr"].tolist())
        triplets = [
            _predicted(pl_module, dataset, label, rows.iloc[place])
            for label, place in chosen.items()
        ]
        title = f"{pl_module.source} on {self.summary['dataset']['name']}"
        sheets.triplet_sheet(triplets, self.output / "triplets.png", title)


def pruning_of(trainer: Trainer) -> ChannelPruning | None:
    """The callback that prunes under this trainer, if there is one."""
    found = (callback for callback in callbacks(trainer) if isinstance(callback, ChannelPruning))
    return next(found, None)


def gathered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all processes."""
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, rows)
    return [row for part in parts for row in part]


def _predicted(
    pl_module: LightningModule, dataset: Any, label: str, row: pd.Series
) -> sheets.Triplet:
    """A triplet of the dataset with the prediction, made again: keeping all would cost memory."""
    batch = default_collate([dataset[int(row["index"])]])
    frames = {key: batch[key].to(pl_module.device).float() / 255 for key in ("img0", "gt", "img1")}
    timestep = batch["timestep"].to(pl_module.device).float()
    with torch.inference_mode():
        prediction = pl_module.predict_step({**frames, "timestep": timestep}, 0)
    pictures = {key: frame[0].cpu() for key, frame in frames.items()}
    return sheets.Triplet(
        label=label,
        id=str(row["id"]),
        prediction=prediction[0].cpu(),
        psnr=row["psnr"],
        ssim=row["ssim"],
        **pictures,
    )
