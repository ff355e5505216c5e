"""Batches as training reads them: for calibration, which needs no Lightning, and for `fit`."""

import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DistributedSampler, IterableDataset

from vfi.data.augment import Augmented
from vfi.data.device_augment import varied
from vfi.data.loading import ALONE, EpochLoader, Place, loading_options
from vfi.data.rendered import MixedTriplets, RenderedTriplets, Shares
from vfi.data.sources import TrainData, ValData, check_root, open_source
from vfi.data.video import VideoTriplets

Batch = dict[str, Any]
"""``img0``, ``gt``, ``img1``: ``(B, 3, H, W)``; ``timestep``: ``(B,)``; ``id`` and ``index``."""

TrainSet = Augmented | VideoTriplets | RenderedTriplets | MixedTriplets


def open_train(train: TrainData, seed: int = 0, place: Place = ALONE) -> TrainSet:
    """The training set.

    Args:
        train: what it is.
        seed: decides the order and variation of its triplets.
        place: of this process.

    Raises:
        FileNotFoundError: if its folder is missing.
        ValueError: if its folder is not given or damaged, or several processes read video without
            a number of steps.
    """
    check_train("train", train)
    if train.source == "rendered":
        return _open_rendered(train, train.root, seed, place)
    if train.source == "mixed":
        rendered = _open_rendered(train, train.photos, seed, place)
        video = _open_video(train, seed, place)
        shares = train.shares or (Shares(),)
        return MixedTriplets(video, rendered, shares, seed, place.rank, place.world_size)
    if train.source != "video":
        split = "train" if train.source == "vimeo90k" and not train.split else train.split
        dataset = open_source(ValData(train.source, train.root, split), check=False)
        return Augmented(dataset, train.augment, seed)
    return _open_video(train, seed, place)


def check_train(option: str, train: TrainData) -> None:
    """Raises ValueError, naming the option that begins so, if a folder is needed and not given."""
    check_root(f"{option}.root", train.source, train.root)
    if train.source == "mixed":
        check_root(f"{option}.photos", train.source, train.photos)


def _open_rendered(train: TrainData, root: str | None, seed: int, place: Place) -> RenderedTriplets:
    count = train.steps * train.batch_size * place.world_size if train.steps else None
    crop = train.augment.crop or 0  # `TrainData` wants one
    return RenderedTriplets(root or "", crop, train.render, train.augment, count, seed=seed)


def _open_video(train: TrainData, seed: int, place: Place) -> VideoTriplets:
    if place.world_size > 1 and train.steps is None:
        raise ValueError(
            f"train.steps must be given when training with {place.world_size} processes"
        )
    return VideoTriplets(
        train.root or "",
        clips=train.clips,
        hold_out=train.hold_out,
        stream=train.stream,
        augment=train.augment,
        keep=train.keep,
        repeat=train.steps is not None,
        seed=seed,
        rank=place.rank,
        world_size=place.world_size,
        index=train.index,
    )


def train_loader(
    dataset: TrainSet,
    train: TrainData,
    *,
    seed: int = 0,
    place: Place = ALONE,
    workers: int = 1,
    epoch: Callable[[], int] = lambda: 0,
) -> EpochLoader:
    """Random order by the seed and the epoch; equally many batches a process.

    Args:
        dataset: what `open_train` gave.
        train: likewise.
        seed: decides the order.
        place: of this process.
        workers: worker processes; 0 reads in this process.
        epoch: gives the number of the epoch about to be read.

    Raises:
        ValueError: if the set has too few triplets for a step.
    """
    # the number of steps is exact here, however many workers read
    warnings.filterwarnings("ignore", message="Your `IterableDataset` has `__len__` defined")

    def elsewhere(place: Place, number: int) -> EpochLoader:
        return train_loader(
            open_train(train, seed, place),
            train,
            seed=seed,
            place=place,
            workers=workers,
            epoch=lambda: number,
        )

    return EpochLoader(
        dataset,
        epoch=epoch,
        steps=train.steps,
        place=place,
        elsewhere=elsewhere,
        batch_size=train.batch_size,
        sampler=None
        if isinstance(dataset, IterableDataset)
        else _order(dataset, train, seed, place),
        drop_last=True,
        **loading_options(workers),
    )


def calibration_batches(
    train: TrainData,
    count: int,
    *,
    seed: int = 0,
    workers: int = 1,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """The first training batches, as training would get them; the set is opened when asked.

    Args:
        train: what is read.
        count: of batches; fewer if the set has no more.
        seed: decides their order and variation.
        workers: worker processes; 0 reads in this process.
        device: where to put them.

    Yields:
        Batches, frames in [0, 1].

    Raises:
        FileNotFoundError: as `open_train`.
        ValueError: likewise.
    """
    loader = train_loader(open_train(train, seed), train, seed=seed, workers=workers)
    for batch in islice(loader, count):
        yield ready(on_device(batch, device), train, seed)


def ready(batch: Batch, train: TrainData, seed: int = 0, epoch: int = 0) -> Batch:
    """A batch of the loader as a network is trained with it: floats, varied if that is left."""
    batch = as_floats(batch)
    return varied(batch, train.augment, seed, epoch) if train.augment.device else batch


def as_floats(batch: Batch) -> Batch:
    """Turns uint8 frames ``(B, 3, H, W)`` into float32 in [0, 1], on the device they are on."""
    frames = {key: batch[key].float().div_(255) for key in ("img0", "gt", "img1")}
    return {**batch, **frames, "timestep": batch["timestep"].float()}


def on_device(batch: Batch, device: torch.device | str) -> Batch:
    """The batch with its tensors on a device."""
    return {key: v.to(device) if isinstance(v, torch.Tensor) else v for key, v in batch.items()}


def _order(
    dataset: Augmented | RenderedTriplets, train: TrainData, seed: int, place: Place
) -> DistributedSampler[Any]:
    if (least := train.batch_size * place.world_size) > len(dataset):
        raise ValueError(
            f"train.batch_size is {train.batch_size}: {place.world_size} processes need {least} "
            f"triplets for a step, {train.source!r} has {len(dataset)}"
        )
    return DistributedSampler(
        dataset, place.world_size, place.rank, shuffle=True, seed=seed, drop_last=True
    )
