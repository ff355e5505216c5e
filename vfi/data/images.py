"""Reading images strictly: what is not a whole, readable image is an error that names the file."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypedDict

import cv2
import numpy as np
import torch

_PNG_START = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1 << 30
"""Pixels of an image, at most: what OpenCV decodes."""
_PNG_END = b"IEND\xaeB`\x82"


class Triplet(TypedDict):
    """One item of every dataset: two frames and the true frame between them."""

    img0: torch.Tensor
    """(3, H, W) uint8, RGB."""
    gt: torch.Tensor
    """(3, H, W) uint8, RGB: the true frame at ``timestep``."""
    img1: torch.Tensor
    """(3, H, W) uint8, RGB."""
    timestep: float
    """When ``gt`` was taken: 0 is ``img0``, 1 is ``img1``."""
    id: str
    """The triplet's name, unique in its dataset."""
    index: int
    """Its position in the dataset; of a stream, the first frame's number in its clip."""


class TripletSet(Protocol):
    """Triplets in an order that stays: what can be measured on."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Triplet: ...

    def identity(self) -> dict[str, object]:
        """What was measured: name, kind, count and a SHA-256."""
        ...


def make_triplet(frames: Sequence[np.ndarray], name: str, index: int) -> Triplet:
    """An item from its (img0, gt, img1), each (H, W, 3) uint8 RGB."""
    img0, gt, img1 = (
        torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1))) for frame in frames
    )
    return Triplet(img0=img0, gt=gt, img1=img1, timestep=0.5, id=name, index=index)


def read_rgb(path: Path) -> np.ndarray:
    """Decodes an image to (H, W, 3) uint8 RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no image, or not a whole one.
    """
    _check_regular(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"no image {path}; restore the file") from None
    try:
        data = np.frombuffer(content, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if content else None
    except cv2.error:  # a header that promises more pixels than anyone has
        image = None
    if image is None:
        raise ValueError(f"{path} is not a readable image (damaged, cut short, or no image)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def png_size(path: Path) -> tuple[int, int]:
    """The (height, width) of a PNG from its first and last bytes, in microseconds.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it does not start or does not end as a PNG does.
    """
    _check_regular(path)
    try:
        with path.open("rb") as file:
            head = file.read(24)
            file.seek(-min(len(_PNG_END), file.seek(0, 2)), 2)
            tail = file.read()
    except FileNotFoundError:
        raise FileNotFoundError(f"no image {path}; restore the file") from None
    if len(head) < 24 or not head.startswith(_PNG_START):
        raise ValueError(f"{path} is not a PNG image, whatever its name says; restore the file")
    if tail != _PNG_END:
        raise ValueError(f"{path} is cut short: a PNG ends with IEND; restore the file")
    width, height = struct.unpack(">II", head[16:24])
    if width * height > MAX_PIXELS:
        raise ValueError(f"{path} claims {width}x{height} pixels; at most {MAX_PIXELS} are read")
    return height, width


def _check_regular(path: Path) -> None:
    """Raises ValueError for pipes, devices and folders, which may never end."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is a folder, a pipe or a device; only files are read")
