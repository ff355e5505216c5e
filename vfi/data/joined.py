"""Several sets as one."""

import hashlib
from collections.abc import Mapping, Sequence

from torch.utils.data import Dataset

from vfi.data.images import Triplet, TripletSet


class JoinedTriplets(Dataset[Triplet]):
    """The triplets of several sets, one set after the other.

    Args:
        parts: the sets; their triplets' ids tell them apart.
    """

    def __init__(self, parts: Sequence[TripletSet]) -> None:
        self.parts = tuple(parts)
        self._places = [(part, index) for part in self.parts for index in range(len(part))]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Triplet:
        part, place = self._places[index]
        triplet = part[place].copy()
        triplet["index"] = index
        return triplet

    def identity(self) -> dict[str, object]:
        """What this is: name, kind, count, and a SHA-256 of the parts' own."""
        parts = [part.identity() for part in self.parts]
        return {
            **names_and_digest(parts),
            "kind": "joined",
            "count": len(self),
            "fingerprint": "contents",
            "benchmark": None,
        }


def names_and_digest(parts: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """``name`` and ``sha256`` of a whole, of the identities of its parts."""
    digest = hashlib.sha256("".join(str(part["sha256"]) for part in parts).encode())
    return {
        "name": " and ".join(str(part["name"]) for part in parts),
        "sha256": digest.hexdigest(),
    }
