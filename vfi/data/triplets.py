"""Map-style triplets from folders of images."""

import hashlib
import importlib.resources
import os
from collections.abc import Iterable
from pathlib import Path

from torch.utils.data import Dataset

from vfi.data.images import Triplet, make_triplet, read_rgb
from vfi.data.layouts import LAYOUTS, check_triplets
from vfi.files import sha256

_HASH_UP_TO_BYTES = 256 << 20


class TripletFolder(Dataset[Triplet]):
    """The triplets of a folder in one of the known layouts.

    Args:
        root: the set's folder.
        layout: one of ``vfi.data.LAYOUTS``.
        split: the set's part, where it has parts; by default its test part.
        check: look at the head and tail of every image first (0.2 ms a triplet), so that a
            damaged set fails at once and in the main process.

    Raises:
        FileNotFoundError: if the folder or the set's list file is missing.
        ValueError: if the layout or split is unknown, no triplet is found, or one is damaged.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        layout: str = "ucf101",
        split: str | None = None,
        check: bool = True,
    ) -> None:
        if layout not in LAYOUTS:
            raise ValueError(f"unknown layout {layout!r}; allowed: {', '.join(LAYOUTS)}")
        self.root = Path(root)
        self.layout = layout
        self.split = LAYOUTS[layout].default_split if split is None else split
        self.triplets = LAYOUTS[layout].triplets(self.root, split)
        if check:
            check_triplets(self.root, self.triplets)

    def __len__(self) -> int:
        return len(self.triplets)

    def __getitem__(self, index: int) -> Triplet:
        triplet = self.triplets[index]
        frames = [read_rgb(self.root / path) for path in triplet.frames]
        if len({frame.shape for frame in frames}) > 1:
            shapes = ", ".join("x".join(map(str, frame.shape[1::-1])) for frame in frames)
            raise ValueError(f"frames of different sizes in {self.root / triplet.id}: {shapes}")
        return make_triplet(frames, triplet.id, index)

    def identity(self) -> dict[str, object]:
        """What this set is: name, kind, count, and a SHA-256.

        Of a small set the digest covers every byte, of a large one names and sizes;
        ``fingerprint`` says which. ``benchmark`` says whether the files are exactly those behind
        the published figures, None where this project has no list to compare with.
        """
        paths = [path for triplet in self.triplets for path in triplet.frames]
        sizes = [(self.root / path).stat().st_size for path in paths]
        whole = sum(sizes) <= _HASH_UP_TO_BYTES
        lines = checksums(self.root, paths) if whole else map("{}  {}".format, sizes, paths)
        digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        known = hashlib.sha256(manifest().encode()).hexdigest() if self.layout == "ucf101" else None
        return {
            "name": " ".join(filter(None, (LAYOUTS[self.layout].title, self.split))),
            "kind": self.layout,
            "count": len(self),
            "sha256": digest,
            "fingerprint": "contents" if whole else "names and sizes",
            "benchmark": None if known is None else digest == known,
        }


def checksums(root: Path, paths: Iterable[str]) -> list[str]:
    """Lines as ``sha256sum`` writes them, for files relative to ``root``."""
    return [f"{sha256(root / path)}  {path}" for path in paths]


def manifest() -> str:
    """The checksums of the 379 UCF-101 triplets, in the form ``sha256sum -c`` reads.

    They are of the files' bytes, 30 times quicker to check than pixels. A copy with re-encoded
    images is therefore another one, though its figures would be the same.
    """
    return importlib.resources.files("vfi.data").joinpath("ucf101_dvf.sha256").read_text("utf-8")


def expected_checksums() -> dict[str, str]:
    """The manifest as a mapping: path relative to the set's folder -> SHA-256."""
    return {path: digest for digest, path in map(str.split, manifest().splitlines())}
