"""Photographs: found, split into those to train on and those to validate on, and decoded."""

import logging
import os
import zlib
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from vfi.data.clips import IMAGE_SUFFIXES
from vfi.data.images import read_rgb
from vfi.data.layouts import require_folder
from vfi.files import natural_key

logger = logging.getLogger(__name__)

HELD_OUT = 10
"""One photograph in so many, by the CRC-32 of its file name, is for validation alone."""

_LONGEST = 1024  # pixels; more is shrunk as it is decoded: a scene shows no more detail


class Photos:
    """A folder of pictures, at any depth; the last ``keep`` of them stay decoded in memory.

    Args:
        root: the folder.
        least: shorter side that a picture must have, pixels; smaller ones are left out.
        held_out: True takes the pictures that are for validation, False the others, None all.
        keep: decoded pictures that are kept, at up to 3 MiB each.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no picture is left.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        least: int,
        held_out: bool | None = None,
        keep: int = 64,
    ) -> None:
        self.root = Path(root)
        require_folder(self.root, "photographs (.jpg, .png, ...)")
        pictures = (p for p in self.root.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        found = [path for path in pictures if not path.name.startswith(".")]
        found.sort(key=lambda path: natural_key(path.relative_to(self.root).as_posix()))
        if not found:
            raise ValueError(f"no picture in {root}; expected {', '.join(sorted(IMAGE_SUFFIXES))}")
        mine = [p for p in found if held_out is None or is_held_out(p) == held_out]
        if not mine:
            raise ValueError(
                f"all {len(found)} pictures of {root} are for "
                f"{'training' if held_out else 'validation'}, one in {HELD_OUT} by its name being "
                "held out; give a folder with more"
            )
        self.paths = _large_enough(mine, least, self.root)
        self._keep = keep
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB, at most 1024 pixels on the longer side.

        Raises:
            ValueError: if the picture is damaged.
        """
        if index in self._decoded:
            self._decoded.move_to_end(index)
            return self._decoded[index]
        photo = read_rgb(self.paths[index])
        if (longest := max(photo.shape[:2])) > _LONGEST:
            size = [max(1, round(side * _LONGEST / longest)) for side in photo.shape[1::-1]]
            photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        self._decoded[index] = photo
        if len(self._decoded) > self._keep:
            self._decoded.popitem(last=False)
        return photo

    def name(self, index: int) -> str:
        """Its path in the folder."""
        return self.paths[index].relative_to(self.root).as_posix()


def is_held_out(path: Path) -> bool:
    """Whether a picture is for validation alone, by its file name."""
    return zlib.crc32(path.name.encode()) % HELD_OUT == 0


def _large_enough(paths: list[Path], least: int, root: Path) -> list[Path]:
    kept, small, damaged = [], 0, []
    for path in paths:
        try:
            with Image.open(path) as image:  # reads the head alone
                width, height = image.size
        except (UnidentifiedImageError, OSError):
            damaged.append(path.name)
            continue
        # a picture that is shrunk as it is decoded must still be large enough
        side = min(width, height) * min(1.0, _LONGEST / max(width, height))
        small += side < least
        if side >= least:
            kept.append(path)
    if damaged:
        logger.warning("%d files of %s are no pictures: %s", len(damaged), root, "; ".join(damaged))
    if not kept:
        raise ValueError(
            f"no usable picture in {root}: {small} are smaller than the crop of {least} pixels, "
            f"{len(damaged)} are damaged; give larger ones, or lower train.augment.crop"
        )
    if small:
        logger.warning("%d pictures of %s are smaller than %d pixels: unused", small, root, least)
    return kept
