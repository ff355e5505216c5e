"""Sharing a dataset among processes and workers, and taking up an epoch where it was left."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset
from typing_extensions import override


class Shard(DistributedSampler):
    """Every ``world_size``-th index from ``rank``: each index exactly once over all processes.

    Its base class repeats indices until all processes have equally many, which changes means; it is
    the base because Lightning leaves a DistributedSampler in place.

    Raises:
        ValueError: if a process would have none and the others would wait for it.
    """

    def __init__(self, dataset: Dataset, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(dataset, world_size, rank, shuffle=False)
        count = len(dataset)
        if count < world_size:
            raise ValueError(f"{count} triplets are too few for {world_size} processes; use fewer")
        self.indices = range(rank, count, world_size)

    @override
    def __len__(self) -> int:
        return len(self.indices)

    @override
    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)


class EpochLoader(DataLoader):
    """A training loader that draws each epoch anew and can be resumed within one.

    Its dataset and sampler learn the epoch before the first worker starts. (Lightning tells only
    samplers, and in the first epoch after a resume too late for the indices that workers already
    hold.) ``state_dict`` and ``load_state_dict`` are Lightning's protocol for loaders with a
    position.

    Args:
        dataset: has ``set_epoch``.
        epoch: gives the number of the epoch about to be read.
        steps: batches in an epoch; None gives all there are.
        **options: the DataLoader's own.
    """

    def __init__(
        self, dataset: Dataset, epoch: Callable[[], int], steps: int | None = None, **options: Any
    ) -> None:
        super().__init__(dataset, **options)
        self.epoch = epoch
        self.steps = steps
        self._position = {"epoch": 0, "batches": 0}
        self._resume: dict[str, int] | None = None

    @override
    def __iter__(self) -> Iterator[Any]:
        # a generator, so that the epoch is asked for with the first batch: resuming at an epoch's
        # end, Lightning makes the next epoch's iterator while it still counts the old one
        epoch = self.epoch()
        for part in (self.dataset, self.sampler):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)
        resume, self._resume = self._resume, None
        done = resume["batches"] if resume and resume["epoch"] == epoch else 0
        # batches already trained on are read again and dropped: exact, and quicker than training
        for batch in islice(super().__iter__(), done, self.steps):
            done += 1
            self._position = {"epoch": epoch, "batches": done}
            yield batch

    @override
    def __len__(self) -> int:
        if self.steps is not None and isinstance(self.dataset, IterableDataset):
            return self.steps
        return min(super().__len__(), self.steps or super().__len__())

    def state_dict(self) -> dict[str, int]:
        """The epoch being read and the number of its batches given."""
        return dict(self._position)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next iterator of that epoch starts after the batches given."""
        self._resume = dict(state)


def loading_options(workers: int) -> dict[str, Any]:
    """How every loader of the project loads, with so many worker processes."""
    return {
        "num_workers": workers,
        "worker_init_fn": start_worker,
        "pin_memory": torch.cuda.is_available(),
    }


def start_worker(worker: int) -> None:
    """Called in each worker process as it starts."""
    cv2.setNumThreads(0)  # workers are the parallelism
