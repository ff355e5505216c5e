"""Sharing a dataset among processes and workers, and taking up an epoch where it was left."""

import atexit
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import cv2
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    default_collate,
)
from typing_extensions import override


class Shard(DistributedSampler):
    """Every ``world_size``-th index from ``rank``: each index exactly once over all processes.

    Its base class repeats indices until all processes have equally many, which changes means; it is
    the base because Lightning leaves a DistributedSampler in place.

    Raises:
        ValueError: if a process would have none and the others would wait for it.
    """

    def __init__(self, dataset: Any, rank: int = 0, world_size: int = 1) -> None:
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


@dataclass(frozen=True)
class Place:
    """Which of how many processes this one is; the only one by default."""

    rank: int = 0
    world_size: int = 1


ALONE = Place()


class EpochLoader(DataLoader):
    """A training loader that draws each epoch anew and can be resumed within one.

    Its dataset and sampler learn the epoch before the first worker starts. (Lightning tells only
    samplers, and in the first epoch after a resume too late for the indices that workers already
    hold.) Where to go on comes from the data module: Lightning restores the state of loaders after
    it has started one whose length it was asked for.

    An epoch that was begun by another number of processes is ended as they would have: the batches
    that they had still to read, numbered ``batch * processes + process``, are dealt out among those
    there are now. So each triplet is given once, but for less than a batch a process at the end.

    Args:
        dataset: has ``set_epoch``.
        epoch: gives the number of the epoch about to be read.
        steps: batches in an epoch; None gives all there are.
        place: of this process.
        elsewhere: opens the loader of another place, for the epoch of that number; where this is
            None, an epoch can be gone on with by as many processes only.
        **options: the DataLoader's own.
    """

    def __init__(
        self,
        dataset: Dataset,
        epoch: Callable[[], int],
        steps: int | None = None,
        place: Place = Place(),
        elsewhere: Callable[[Place, int], "EpochLoader"] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(dataset, **options)
        self.epoch = epoch
        self.steps = steps
        self.place = place
        self.elsewhere = elsewhere
        self.reading: int | None = None  # the epoch that the last batch came from
        self._start = {"epoch": 0, "batches": 0}

    @override
    def __iter__(self) -> Any:
        # a generator, so that the epoch is asked for with the first batch: resuming at an epoch's
        # end, Lightning makes the next epoch's iterator while it still counts the old one
        epoch = self.reading = max(self.epoch(), self._start["epoch"])
        if epoch == self._start["epoch"] and self._begun_by_others:
            yield from self._taken_over()
            return
        for part in (self.dataset, self.sampler):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)
        done = self._start["batches"] if epoch == self._start["epoch"] else 0
        # batches already trained on are read again and dropped: exact, and quicker than training
        yield from islice(super().__iter__(), done, self.steps)

    @override
    def __len__(self) -> int:
        if self.steps is not None and isinstance(self.dataset, IterableDataset):
            return self.steps
        return min(super().__len__(), self.steps or super().__len__())

    def _taken_over(self) -> Iterator[Any]:
        """This process's batches of the rest of an epoch that others began."""
        processes, given = self._start["processes"], self._start["given"]
        rank, world_size = self.place.rank, self.place.world_size
        # batch `given + n` is this process's if n % world_size == rank
        common = math.gcd(processes, world_size)
        mine = [r for r in range(processes) if (r - given - rank) % common == 0]
        read = {r: islice(self._loader_of(r), -(-(given - r) // processes), None) for r in mine}
        for number in range(self._rest() * world_size):
            batches = read.get((given + number) % processes)
            batch = next(batches) if batches is not None else None
            if number % world_size == rank:
                yield batch

    @property
    def _begun_by_others(self) -> bool:
        count = self.place.world_size
        plain = {**self._start, "processes": count, "given": self._start["batches"] * count}
        return {**plain, **self._start} != plain

    def _loader_of(self, rank: int) -> "EpochLoader":
        """What one of those that began the epoch would read."""
        processes = self._start["processes"]
        if self.elsewhere is None:
            raise ValueError(f"this epoch was begun by {processes} processes; go on with as many")
        return self.elsewhere(Place(rank, processes), self._start["epoch"])

    def _rest(self) -> int:
        """Batches that each process has still to read of the epoch that others began."""
        total = len(self._loader_of(0)) * self._start["processes"]
        return (total - self._start["given"]) // self.place.world_size

    def steps_of(self, epoch: int) -> int | None:
        """Batches of an epoch that others began, those read before included; None of all others."""
        if epoch == self._start["epoch"] and self._begun_by_others:
            return self._start["batches"] + self._rest()
        return None

    def position(self, epoch: int, batches: int) -> dict[str, int]:
        """What `load_state_dict` takes, after so many batches of an epoch.

        Args:
            epoch: its number.
            batches: that each process has read, those before a resumption included.
        """
        processes, given = self.place.world_size, batches * self.place.world_size
        if epoch == self._start["epoch"] and self._begun_by_others and batches:
            # numbered as those did that began it
            given = self._start["given"] + (batches - self._start["batches"]) * processes
            processes = self._start["processes"]
        return {"epoch": epoch, "batches": batches, "processes": processes, "given": given}

    def state_dict(self) -> dict[str, int]:
        """Nothing: it is there so that Lightning knows that this loader can be resumed."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """No epoch before ``epoch`` is read, and of that one not the first ``batches``."""
        if state:
            self._start = dict(state)


def most_workers() -> int:
    """How many processes a machine may be asked for: far above what is of use, below what hurts."""
    return max(64, 4 * (os.cpu_count() or 1))


def check_workers(count: int) -> None:
    """Raises ValueError for a number of worker processes that would not work, or too well."""
    if not 0 <= count <= most_workers():
        raise ValueError(
            f"num_workers is {count}; it must be from 0 to {most_workers()} on this machine "
            f"({os.cpu_count()} cores)"
        )


def loading_options(workers: int) -> dict[str, Any]:
    """How every loader of the project loads, with so many worker processes."""
    return {
        "num_workers": workers,
        "worker_init_fn": start_worker,
        "pin_memory": torch.cuda.is_available(),
    }


def collate(items: list[Any]) -> Any:
    """A batch of triplets.

    Raises:
        ValueError: naming the triplets, if their frames differ in size.
    """
    sizes = {item["id"]: tuple(item["gt"].shape[:0:-1]) for item in items}
    if len(set(sizes.values())) > 1:
        named = ", ".join(f"{name} ({width}x{height})" for name, (width, height) in sizes.items())
        raise ValueError(f"frames of one batch differ in size: {named}; use a batch_size of 1")
    return default_collate(items)


def start_worker(worker: int) -> None:
    """Called in each worker process as it starts."""
    cv2.setNumThreads(0)  # workers are the parallelism
    # Terminals and schedulers tell all processes to end; the training, which is told as well, still
    # needs the batch of its step, and ends its workers itself: if need be, by one more SIGTERM.
    for name in {"SIGINT", "SIGHUP"} & set(dir(signal)):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(number, signal.SIG_DFL))


@atexit.register
def _end_workers() -> None:
    """At its end, multiprocessing tells each of them once, which they pass over, and waits."""
    for process in multiprocessing.active_children():
        while process.daemon and process.is_alive():
            process.terminate()
            process.join(0.1)
