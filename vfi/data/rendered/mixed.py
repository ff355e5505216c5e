"""Rendered triplets and triplets from video in one stream, by shares."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import IterableDataset

from vfi.data.augment import keyed_rng
from vfi.data.images import Triplet
from vfi.data.joined import names_and_digest
from vfi.data.mixing import readers
from vfi.data.rendered.dataset import RenderedTriplets
from vfi.data.video import VideoTriplets

_DRAW = 0x5A  # tells this draw from others of the same (seed, epoch, index)


@dataclass(frozen=True)
class Shares:
    """How much of what is trained on comes from where.

    Attributes:
        video: share of the triplets that come from clips.
        rendered: share of those that are rendered from photographs; the two sum to 1.
        since: the epoch from which this holds, until the next one of a list does.

    Raises:
        ValueError: if one is negative, or the two do not sum to 1.
    """

    video: float = 0.5
    rendered: float = 0.5
    since: int = 0

    def __post_init__(self) -> None:
        if min(self.video, self.rendered) < 0:
            raise ValueError(f"shares of {self.video} and {self.rendered}: neither may be negative")
        if not math.isclose(self.video + self.rendered, 1, abs_tol=1e-6):
            raise ValueError(
                f"the shares video: {self.video} and rendered: {self.rendered} sum to "
                f"{self.video + self.rendered:g}; they must sum to 1"
            )
        if self.since < 0:
            raise ValueError(f"since is {self.since}; epochs count from 0")


def check_shares(shares: tuple[Shares, ...]) -> None:
    """Raises ValueError unless the shares hold from epoch 0 on, in rising order."""
    begins = [share.since for share in shares]
    rising = all(a < b for a, b in itertools.pairwise(begins))
    if not begins or begins[0] != 0 or not rising:
        raise ValueError(
            f"train.shares begin at the epochs {begins}; the first must begin at 0 and each after "
            "the one before"
        )


class MixedTriplets(IterableDataset[Triplet]):
    """Draws each triplet's source by (seed, epoch, place in the epoch).

    Rendered triplets depend on the same three alone, those from video are as `VideoTriplets` gives
    them. Every place is filled by exactly one worker of one process.

    Args:
        video: the clips, opened for the same process.
        rendered: the photographs.
        shares: by epoch; see `check_shares`.
        seed: decides the draws.
        rank: number of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        video: VideoTriplets,
        rendered: RenderedTriplets,
        shares: tuple[Shares, ...],
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        check_shares(shares)
        self.video = video
        self.rendered = rendered
        self.shares = shares
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch's draws; takes effect with the next iterator."""
        self.epoch = epoch
        self.video.set_epoch(epoch)
        self.rendered.set_epoch(epoch)

    @property
    def now(self) -> Shares:
        """The shares of the epoch."""
        return [share for share in self.shares if share.since <= self.epoch][-1]

    def __iter__(self) -> Iterator[Triplet]:
        _, place, step = readers(self.rank, self.world_size)
        video = iter(self.video)
        while True:
            if keyed_rng(self.seed, self.epoch, place, _DRAW).random() < self.now.rendered:
                yield self.rendered.render(place)
            elif (triplet := next(video, None)) is not None:
                yield triplet
            else:
                return
            place += step

    def identity(self) -> dict[str, object]:
        """What this is: name, kind, both parts' identities and a SHA-256 of theirs."""
        parts = [self.video.identity(), self.rendered.identity()]
        return {
            **names_and_digest(parts),
            "kind": "mixed",
            "count": parts[0]["count"],
            "fingerprint": "names and sizes",
            "benchmark": None,
            "parts": parts,
        }
