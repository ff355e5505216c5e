"""The data of every Lightning job: what test, validate and fit read, and how it is shared out."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from typing_extensions import override

from vfi.data.augment import Augment, Augmented, TripletFilter
from vfi.data.heldout import ClipTriplets
from vfi.data.images import Triplet
from vfi.data.layouts import LAYOUTS
from vfi.data.loading import EpochLoader, Shard, start_worker
from vfi.data.sample import SampleTriplets
from vfi.data.triplets import TripletFolder
from vfi.data.video import StreamSpec, VideoTriplets

Source = Literal["sample", "ucf101", "vimeo90k", "middlebury", "snufilm", "video"]
SOURCES: tuple[str, ...] = ("sample", *LAYOUTS, "video")
TrainSource = Literal["sample", "vimeo90k", "video"]
TRAIN_SOURCES: tuple[str, ...] = ("sample", "vimeo90k", "video")  # the others exist for testing


@dataclass(frozen=True)
class TrainData:
    """What ``fit`` trains on.

    Attributes:
        source: one of ``TRAIN_SOURCES``.
        root: the set's folder; the sample needs none.
        split: the set's part; by default Vimeo-90K's train part.
        clips: of a video source, a list file of the clips to use; None uses all.
        hold_out: of a video source, a list file of clips to leave out.
        steps: batches per epoch and process. Video is read again as often as needed, other sources
            at most once; None reads once. With video, several processes need a number, because
            they must take equally many steps.
        batch_size: triplets per step and process.
        stream: how triplets are drawn from video.
        augment: how triplets are cropped and varied.
        keep: which triplets of a video are kept.
    """

    source: TrainSource = "sample"
    root: str | None = None
    split: str | None = None
    clips: str | None = None
    hold_out: str | None = None
    steps: int | None = None
    batch_size: int = 8
    stream: StreamSpec = field(default_factory=StreamSpec)
    augment: Augment = field(default_factory=Augment)
    keep: TripletFilter = field(default_factory=TripletFilter)

    def __post_init__(self) -> None:
        _check_source("train", self.source, TRAIN_SOURCES)
        _check_counts("train", batch_size=self.batch_size, steps=self.steps)
        if self.augment.crop is None:
            raise ValueError("train.augment.crop is null; batches need crops of one size")


@dataclass(frozen=True)
class ValData:
    """What ``fit`` and ``validate`` measure between epochs.

    Attributes:
        source: one of ``SOURCES``.
        root: the set's folder; None takes that of ``train`` where the source is the same.
        split: the set's part, for sets that have parts.
        clips: of a video source, a list file of the clips to use; None uses all.
        strides: of a video source, frames from img0 to gt, taken in turns.
        per_clip: of a video source, triplets per clip, evenly spaced.
        size: of a video source, side of the centre crop, pixels.
        short_side: of a video source, shrink larger frames to this shorter side, pixels; None
            keeps them.
        batch_size: triplets per batch; they must be of one size.
    """

    source: Source = "sample"
    root: str | None = None
    split: str | None = None
    clips: str | None = None
    strides: tuple[int, ...] = (1, 2, 3)
    per_clip: int = 12
    size: int = 256
    short_side: int | None = None
    batch_size: int = 1

    def __post_init__(self) -> None:
        _check_source("val", self.source)
        _check_counts("val", batch_size=self.batch_size)


class TripletDataModule(LightningDataModule):
    """Triplets for test and predict (``source``, ``root``), for fit (``train``) and for
    validation (``val``).

    The trainer should run with ``use_distributed_sampler=False``: each process reads its own part
    here, and for test, validation and prediction the parts are not padded, so each triplet counts
    exactly once.

    Args:
        source: what test and predict read, one of ``SOURCES``; ``video`` takes held-out crops of
            clips.
        root: its folder; the sample needs none.
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
        source: Source = "sample",
        root: str | None = None,
        split: str | None = None,
        train: TrainData = TrainData(),
        val: ValData = ValData(),
        batch_size: int = 1,
        num_workers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_source("data", source)
        _check_counts("data", batch_size=batch_size)
        if num_workers < 0 or seed < 0:
            raise ValueError(f"num_workers={num_workers}, seed={seed}: neither may be negative")
        self.source = source
        self.root = root
        self.split = split
        self.train = train
        self.val = val
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.train_set: Augmented | VideoTriplets | None = None
        self.val_set: Dataset[Triplet] | None = None
        self.test_set: Dataset[Triplet] | None = None

    @override
    def setup(self, stage: str) -> None:
        """Opens what the stage reads; a set that is missing or damaged is an error here."""
        if stage == "fit" and self.train_set is None:
            self.train_set = self._open_train()
        if stage in ("fit", "validate") and self.val_set is None:
            shared = self.train.root if self.val.source == self.train.source else None
            val = replace(self.val, root=self.val.root or shared)
            _check_root("data.val.root", val.source, val.root)
            self.val_set = _open(val)
        if stage in ("test", "predict") and self.test_set is None:
            _check_root("data.root", self.source, self.root)
            self.test_set = _open(ValData(self.source, self.root, self.split))

    def identity(self, stage: str = "test") -> dict[str, object]:
        """What the stage ("train", "val" or "test") reads, for reports; call it after ``setup``."""
        return getattr(self, f"{stage}_set").identity()

    @override
    def train_dataloader(self) -> DataLoader:
        """Random order by the seed and the trainer's epoch; equally many batches a process."""
        # the number of steps is exact here, however many workers read
        warnings.filterwarnings("ignore", message="Your `IterableDataset` has `__len__` defined")
        return EpochLoader(
            self.train_set,
            epoch=lambda: self.trainer.current_epoch if self.trainer else 0,
            steps=self.train.steps,
            batch_size=self.train.batch_size,
            sampler=self._random_order() if isinstance(self.train_set, Augmented) else None,
            drop_last=True,
            **self._loading(),
        )

    @override
    def val_dataloader(self) -> DataLoader:
        """Every validation triplet once, in order."""
        # held-out crops lie in memory: a worker would only copy them
        workers = 0 if self.val.source == "video" else self.num_workers
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
        """Turns uint8 frames (B, 3, H, W) into float32 in [0, 1], on the device they are on."""
        frames = {key: batch[key].float().div_(255) for key in ("img0", "gt", "img1")}
        return {**batch, **frames, "timestep": batch["timestep"].float()}

    def _open_train(self) -> Augmented | VideoTriplets:
        train, (rank, world_size) = self.train, self._place()
        _check_root("data.train.root", train.source, train.root)
        if train.source != "video":
            split = "train" if train.source == "vimeo90k" and not train.split else train.split
            dataset = _open(ValData(train.source, train.root, split), check=False)
            return Augmented(dataset, train.augment, self.seed)
        if world_size > 1 and train.steps is None:
            raise ValueError(f"train.steps must be given when training with {world_size} processes")
        return VideoTriplets(
            train.root,
            clips=train.clips,
            hold_out=train.hold_out,
            stream=train.stream,
            augment=train.augment,
            keep=train.keep,
            repeat=train.steps is not None,
            seed=self.seed,
            rank=rank,
            world_size=world_size,
        )

    def _random_order(self) -> DistributedSampler:
        rank, world_size = self._place()
        if (least := self.train.batch_size * world_size) > len(self.train_set):
            raise ValueError(
                f"train.batch_size is {self.train.batch_size}: {world_size} processes need {least} "
                f"triplets for a step, {self.train.source!r} has {len(self.train_set)}"
            )
        return DistributedSampler(
            self.train_set, world_size, rank, shuffle=True, seed=self.seed, drop_last=True
        )

    def _in_order(self, dataset: Dataset[Triplet], batch_size: int, workers: int) -> DataLoader:
        sampler = Shard(dataset, *self._place())
        return DataLoader(dataset, batch_size=batch_size, sampler=sampler, **self._loading(workers))

    def _place(self) -> tuple[int, int]:
        """This process's number and the number of processes."""
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer else (0, 1)

    def _loading(self, workers: int | None = None) -> dict[str, Any]:
        return {
            "num_workers": self.num_workers if workers is None else workers,
            "worker_init_fn": start_worker,
            "pin_memory": torch.cuda.is_available(),
        }


def _open(data: ValData, check: bool = True) -> Dataset[Triplet]:
    if data.source == "sample":
        return SampleTriplets()
    if data.source == "video":
        return ClipTriplets(
            data.root,
            clips=data.clips,
            strides=data.strides,
            per_clip=data.per_clip,
            size=data.size,
            short_side=data.short_side,
        )
    return TripletFolder(data.root, data.source, data.split, check=check)


def _check_source(owner: str, source: str, allowed: tuple[str, ...] = SOURCES) -> None:
    if source not in allowed:
        raise ValueError(f"{owner}.source is {source!r}; allowed: {', '.join(allowed)}")


def _check_root(option: str, source: str, root: str | None) -> None:
    if source != "sample" and root is None:
        raise ValueError(f"the source {source!r} needs its folder; give it with --{option}")


def _check_counts(owner: str, **counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{owner}.{name} is {count}; it must be at least 1")
