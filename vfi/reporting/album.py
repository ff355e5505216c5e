"""Pictures for a page, as large and as good as fits."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Look:
    """How pictures are kept.

    Attributes:
        width: at most, pixels; smaller ones stay as they are.
        quality: of WebP, 1 to 100.
    """

    width: int
    quality: int

    def shrunk(self, image: np.ndarray) -> np.ndarray:
        """``(H, W, 3)`` or ``(H, W)``, as wide as it may be."""
        height, width = image.shape[:2]
        if width <= self.width:
            return image
        size = (self.width, max(1, round(height * self.width / width)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def encoded(self, image: np.ndarray) -> bytes:
        """RGB ``(H, W, 3)`` uint8 as WebP."""
        options = [cv2.IMWRITE_WEBP_QUALITY, self.quality]
        shrunk = np.ascontiguousarray(self.shrunk(image)[..., ::-1])
        return bytes(cv2.imencode(".webp", shrunk, options)[1])


LOOKS = tuple(
    Look(width, quality)
    for width, qualities in ((1280, (88, 75)), (960, (80, 65)), (640, (75, 60)), (400, (65, 45)))
    for quality in qualities
)
"""From the best to what is still worth looking at."""


def look_for(sample: Sequence[np.ndarray], times: float, limit: int) -> Look:
    """The best look in which so many pictures like these stay below ``limit`` bytes.

    Args:
        sample: some of the pictures, RGB ``(H, W, 3)`` uint8.
        times: how many times as many there are in all.
        limit: bytes.

    Raises:
        ValueError: if there is none.
    """
    for look in LOOKS:
        if times * sum(len(look.encoded(image)) for image in sample) <= limit:
            return look
    raise ValueError(
        f"about {times * len(sample):.0f} pictures do not fit into {limit / 1e6:.0f} MB, however "
        "small; ask for fewer seconds or fewer models"
    )


_STEPS = (255 * np.sqrt(np.arange(256) / 255)).round().astype(np.uint8)
ERROR_COLOURS = np.ascontiguousarray(
    cv2.applyColorMap(_STEPS, cv2.COLORMAP_INFERNO).reshape(256, 3)[:, ::-1]
)
"""RGB of an error by its 255th part of the peak: ever brighter, black for none."""


class Album:
    """Pictures of a page under their numbers.

    Args:
        look: how they are kept.
        limit: bytes of all of them.
    """

    def __init__(self, look: Look, limit: int) -> None:
        self.look = look
        self.pictures: list[bytes] = []
        self._limit = limit

    def add(self, image: np.ndarray) -> int:
        """Keeps a picture, RGB ``(H, W, 3)`` uint8; returns its number."""
        self.pictures.append(self.look.encoded(image))
        return len(self.pictures) - 1

    def close(self) -> None:
        """Makes all smaller where they came out larger than the sample had promised.

        Raises:
            ValueError: as `look_for`.
        """
        if sum(map(len, self.pictures)) > self._limit:
            images = [_decoded(picture) for picture in self.pictures]
            self.look = look_for(images, 1, self._limit)
            self.pictures = [self.look.encoded(image) for image in images]


def _decoded(picture: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None  # it was encoded here
    return image[..., ::-1]
