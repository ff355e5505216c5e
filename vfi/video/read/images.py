"""Images as an input."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from vfi.video.read.colour import FULL, ColourTags, PixelSpec
from vfi.video.read.source import Picture, Source, SourceInfo
from vfi.video.read.window import Window

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")

_EXIF_ORIENTATION = 0x0112
_TO_16_BITS = 257
_WHOLE = Window()


class ImageSource(Source):
    """Images, equally far apart in time.

    Args:
        paths: the image files in order, at least two.
        fps: images per second.
        path: the folder or file to name in reports.
        window: the part of them that is wanted.

    Raises:
        ValueError: if there are fewer than two, one is no image, or sizes differ.

    All are read with the most bits, and with alpha, that any of them has.
    """

    def __init__(
        self, paths: list[Path], fps: Fraction, path: Path, window: Window = _WHOLE
    ) -> None:
        super().__init__()
        paths = paths[window.pick([number / fps for number in range(len(paths))])]
        if len(paths) < 2:
            part = "" if window.is_whole else f" {window}"
            raise ValueError(
                f"{path} holds {len(paths)} images{part}; interpolation needs two or more"
            )
        looks = {file: _look(file) for file in paths}
        width, height = looks[paths[0]].size
        odd = next((file for file in paths if looks[file].size != (width, height)), None)
        if odd is not None:
            raise ValueError(
                f"{odd} is {looks[odd].size[0]}x{looks[odd].size[1]} but {paths[0]} is "
                f"{width}x{height}; all images must be of one size"
            )
        self._paths = paths
        self._step = 1 / fps
        depth = 16 if any(look.deep for look in looks.values()) else 8
        alpha = any(look.alpha for look in looks.values())
        _read_image(paths[0])
        self.info = SourceInfo(
            path=path,
            width=width,
            height=height,
            spec=PixelSpec("rgb", depth, full_range=True, alpha=alpha),
            tags=ColourTags(range=FULL),
            rate=fps,
            duration=(len(paths) - 1) / fps,
            expected=len(paths),
            files=tuple(paths),
            window=window,
        )

    def pictures(self) -> Iterator[Picture]:
        spec = self.info.spec
        for index, path in enumerate(self._paths):
            image = _read_image(path)
            if spec.depth == 16 and image.dtype == np.uint8:
                image = image.astype(np.uint16) * _TO_16_BITS
            planes = [np.ascontiguousarray(image[..., channel]) for channel in (1, 2, 0)]
            if spec.alpha:
                opaque = np.full_like(planes[0], np.iinfo(image.dtype).max)
                planes.append(np.ascontiguousarray(image[..., 3]) if image.shape[2] > 3 else opaque)
            yield Picture(planes, spec, index * self._step, index)


@dataclass(frozen=True)
class _Look:
    """What an image's header says.

    Attributes:
        size: width and height, upright.
        deep: whether it has more than 8 bits a channel.
        alpha: whether it may be seen through.
    """

    size: tuple[int, int]
    deep: bool
    alpha: bool


def _look(path: Path) -> _Look:
    try:
        with Image.open(path) as image:
            deep, alpha = _is_deep(image), image.has_transparency_data  # which loading forgets
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) >= 5
            return _Look(image.size[::-1] if turned else image.size, deep, alpha)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def _is_deep(image: Image.Image) -> bool:
    """Whether it has more bits than Pillow, which names them in how it would decode it, reads."""
    how = str(getattr(image, "tile", ""))
    return image.mode[0] in "IF" or ";16" in how or "65535" in how


def is_deep(path: Path) -> bool:
    """Whether an image or an animation has more than 8 bits a channel."""
    with Image.open(path) as image:
        return _is_deep(image)


def _read_image(path: Path) -> np.ndarray:
    """``(H, W, 3)`` RGB of 8 or 16 bits, upright; ``(H, W, 4)`` with alpha."""
    try:
        with Image.open(path) as image:
            if not _is_deep(image):
                kind = "RGBA" if image.has_transparency_data else "RGB"
                return np.asarray(ImageOps.exif_transpose(image).convert(kind))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return _read_deep(path)


def _read_deep(path: Path) -> np.ndarray:
    """The same of more than 8 bits."""
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim < 3 or image.shape[2] < 4:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} is damaged or not an image of 8 or 16 bits a channel")
    return image[..., [2, 1, 0, 3][: image.shape[2]]]
