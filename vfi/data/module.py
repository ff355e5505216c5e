"""The data of every Lightning job: what test, validate and fit read, and how it is shared out."""

import logging
from collections.abc import Iterator
from typing import Any, cast

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader
from typing_extensions import override

from vfi.data.calibration import (
    TrainSet,
    as_floats,
    calibration_batches,
    check_train,
    open_train,
    ready,
    train_loader,
)
from vfi.data.images import TripletSet
from vfi.data.loading import EpochLoader, Place, Shard, check_workers, collate, loading_options
from vfi.data.overlap import check_calibration, check_held_out
from vfi.data.sources import (
    Source,
    TrainData,
    ValData,
    check_counts,
    check_root,
    check_source,
    open_source,
    validated,
)
from vfi.data.split import with_default_split

logger = logging.getLogger(__name__)


class TripletDataModule(LightningDataModule):
    """Triplets for test and predict (``source``, ``root``), for fit (``train``) and for
    validation (``val``).

    The trainer should run with ``use_distributed_sampler=False``: each process reads its own part
    here, and for test, validation and prediction the parts are not padded, so each triplet counts
    exactly once.

    Args:
        source: what test and predict read, one of ``SOURCES``. ``auto`` is the sample without a
            root, else the set found there; ``video`` takes held-out crops of clips.
        root: its folder.
        split: its part, for sets that have parts (SNU-FILM: easy, medium, hard, extreme).
        train: what fit trains on.
        val: what is validated on.
        batch_size: triplets per batch of test and predict; over 1 they must be of one size.
        num_workers: worker processes per loader; 0 reads in the main process.
        seed: decides the order and variation of the training triplets.

    Raises:
        ValueError: for an unknown source, a source without its folder, or numbers out of bounds.
    """

    def __init__(
        self,
        source: Source = "auto",
        root: str | None = None,
        split: str | None = None,
        train: TrainData = TrainData(),  # noqa: B008 (frozen)
        val: ValData = ValData(),  # noqa: B008 (frozen)
        batch_size: int = 1,
        num_workers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_source("data", source)
        check_counts("data", batch_size=batch_size)
        check_workers(num_workers)
        if not 0 <= seed < 2**63:
            raise ValueError(f"data.seed is {seed}; it must be from 0 to {2**63 - 1}")
        self.source = source
        self.root = root
        self.split = split
        self.train = train
        self.val = val
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.train_set: TrainSet | None = None
        self.val_set: TripletSet | None = None
        self.test_set: TripletSet | None = None
        self._start: dict[str, int] = {}
        self._loader: EpochLoader | None = None

    @override
    def state_dict(self) -> dict[str, int]:
        """Where training is: the epoch, and how many of its batches were trained on."""
        loader = self._loader
        if loader is None or loader.reading is None or self.trainer is None:
            return dict(self._start)
        progress = self.trainer.fit_loop.epoch_loop.batch_progress
        if progress.is_last_batch:  # or the next epoch has not begun to be read
            return loader.position(loader.reading + 1, 0)
        return loader.position(loader.reading, cast(Any, progress.current).processed)

    @override
    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Training goes on there."""
        self._start = dict(state_dict)

    @override
    def setup(self, stage: str) -> None:
        """Opens what the stage reads; a set that is missing or damaged is an error here."""
        if stage == "fit":
            self._start = {}  # a checkpoint says otherwise later
        if stage == "fit" and self.train_set is None:
            check_train("data.train", self.trained)
            self.train_set = open_train(self.trained, self.seed, self._place())
        if stage in ("fit", "validate") and self.val_set is None:
            validated = self.validated
            check_root("data.val.root", validated.source, validated.root)
            self.val_set = open_source(validated)
            if stage == "fit" and self._place().rank == 0 and validated.clips != self.val.clips:
                told = ", ".join(validated.clips or ())
                logger.info("no clips were named for validation; held out: %s", told)
            if stage == "fit" and self.trainer and self.trainer.limit_val_batches:
                check_held_out(self.train_set, self.val_set)
        if stage in ("test", "predict") and self.test_set is None:
            check_root("data.root", self.source, self.root)
            self.test_set = open_source(self.tested)

    def identity(self, stage: str = "test") -> dict[str, object]:
        """What the stage ("train", "val" or "test") reads, for reports; call it after ``setup``."""
        return getattr(self, f"{stage}_set").identity()

    @override
    def train_dataloader(self) -> DataLoader:
        """Random order by the seed and the trainer's epoch; equally many batches a process."""
        opened: Any = self.train_set
        loader = train_loader(
            opened,
            self.train,
            seed=self.seed,
            place=self._place(),
            workers=self.num_workers,
            epoch=lambda: self.trainer.current_epoch if self.trainer else 0,
        )
        loader.load_state_dict(self._start)
        self._loader = loader
        return loader

    @override
    def val_dataloader(self) -> DataLoader:
        """Every validation triplet once, in order."""
        # what lies in memory, a worker would only copy
        workers = 0 if self.val.source in ("video", "rendered") else self.num_workers
        return self._in_order(self.val_set, self.val.batch_size, workers)

    @override
    def test_dataloader(self) -> DataLoader:
        """Every test triplet once, in order."""
        return self._in_order(self.test_set, self.batch_size, self.num_workers)

    @override
    def predict_dataloader(self) -> DataLoader:
        """The test triplets."""
        return self.test_dataloader()

    @override
    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Turns uint8 frames (B, 3, H, W) into float32 in [0, 1], on the device they are on, and
        varies them there where that is asked for (``train.augment.device``)."""
        if self.trainer is None or not self.trainer.training or self._loader is None:
            return as_floats(batch)
        return ready(batch, self.train, self.seed, self._loader.reading or 0)

    @property
    def tested(self) -> ValData:
        """What test and predict read."""
        return ValData(self.source, self.root, self.split)

    @property
    def trained(self) -> TrainData:
        """What fit trains on, without the clips that it holds out."""
        return self._split()[0]

    @property
    def validated(self) -> ValData:
        """What is validated on; its folder may be that of the training set."""
        return self._split()[1]

    def _split(self) -> tuple[TrainData, ValData]:
        if self.trainer and self.trainer.limit_val_batches == 0:
            return self.train, validated(self.val, self.train)
        return with_default_split(self.train, self.val)

    def calibration_batches(
        self, count: int, device: torch.device | str, tested: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The first training batches, as training would get them; the set is opened when asked.

        Args:
            count: of batches; fewer if the set has no more.
            device: where to put them.
            tested: whether the test set is being measured, and may therefore not be read here.

        Raises:
            ValueError: if it would be read.
        """
        if tested:
            check_calibration(self.train, self.tested)
        # as one process would read them at the start, so that any number of processes has the same
        train = self.train if tested else self.trained
        check_train("data.train", train)
        yield from calibration_batches(
            train, count, seed=self.seed, workers=self.num_workers, device=device
        )

    def _in_order(self, dataset: Any, batch_size: int, workers: int) -> DataLoader:
        place = self._place()
        sampler = Shard(dataset, place.rank, place.world_size)
        options = loading_options(workers)
        if batch_size > 1:
            options["collate_fn"] = collate
        return DataLoader(dataset, batch_size=batch_size, sampler=sampler, **options)

    def _place(self) -> Place:
        trainer = self.trainer
        return Place(trainer.global_rank, trainer.world_size) if trainer else Place()
