"""Sharing streams of triplets among readers, mixing them, and counting across processes."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch.utils.data import get_worker_info

from vfi.data.images import Triplet


class Tally:
    """Counts in shared memory: workers add to them, the main process reads them."""

    _FIELDS = ("triplets", "static", "uneven")
    _ROWS = 128  # a row a worker, so that none overwrites another's sum

    def __init__(self, clips: int) -> None:
        self._counts = torch.zeros(self._ROWS, len(self._FIELDS), dtype=torch.int64).share_memory_()
        self.damaged = torch.zeros(clips, dtype=torch.uint8).share_memory_()

    def add(self, worker: int, field: str) -> None:
        """Counts one more triplet as given (``triplets``), or as rejected for a reason."""
        self._counts[worker % self._ROWS, self._FIELDS.index(field)] += 1

    def report_damaged(self, clip: int) -> bool:
        """Marks a clip; True the first time."""
        known = bool(self.damaged[clip])
        self.damaged[clip] = 1
        return not known

    def totals(self) -> dict[str, int]:
        """All counts, by name."""
        return dict(zip(self._FIELDS, self._counts.sum(0).tolist(), strict=True))


def readers(rank: int, world_size: int) -> tuple[int, int, int]:
    """Who reads a stream: this worker's number in its process; that among the workers of all
    processes, and how many those are. A process without workers reads as one."""
    info = get_worker_info()
    workers, worker = (info.num_workers, info.id) if info else (1, 0)
    return worker, rank * workers + worker, world_size * workers


def interleaved(
    streams: Iterator[Iterator[Triplet]], width: int, rng: np.random.Generator
) -> Iterator[Triplet]:
    """Takes from ``width`` streams at random, opening the next when one ends."""
    active: list[Iterator[Triplet]] = []
    while True:
        while len(active) < width and (stream := next(streams, None)) is not None:
            active.append(stream)
        if not active:
            return
        place = int(rng.integers(len(active)))
        triplet = next(active[place], None)
        if triplet is None:
            del active[place]
        else:
            yield triplet


def shuffled(
    triplets: Iterable[Triplet], budget: int, rng: np.random.Generator
) -> Iterator[Triplet]:
    """Gives random members of a buffer of at most ``budget`` bytes (and one triplet)."""
    buffer: list[Triplet] = []
    used = 0

    def take() -> Triplet:
        place = int(rng.integers(len(buffer)))
        buffer[place], buffer[-1] = buffer[-1], buffer[place]
        return buffer.pop()

    for triplet in triplets:
        buffer.append(triplet)
        used += _bytes(triplet)
        while used > budget:
            taken = take()
            used -= _bytes(taken)
            yield taken
    while buffer:
        yield take()


def _bytes(triplet: Triplet) -> int:
    return sum(triplet[key].nbytes for key in ("img0", "gt", "img1"))
