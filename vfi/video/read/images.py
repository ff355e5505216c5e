"""Images as an input."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vfi.video.read.colour import FULL, ColourTags, PixelSpec
from vfi.video.read.source import Picture, Source, SourceInfo
from vfi.video.read.window import Window

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")


_EXIF_ORIENTATION = 0x0112
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
        sizes = {file: _image_size(file) for file in paths}
        odd = next((file for file in paths if sizes[file] != sizes[paths[0]]), None)
        if odd is not None:
            raise ValueError(
                f"{odd} is {sizes[odd][0]}x{sizes[odd][1]} but {paths[0]} is "
                f"{sizes[paths[0]][0]}x{sizes[paths[0]][1]}; all images must be of one size"
            )
        self._paths = paths
        self._step = 1 / fps
        first = _read_image(paths[0])
        height, width = first.shape[:2]
        alpha = first.shape[2] > 3
        self.info = SourceInfo(
            path=path,
            width=width,
            height=height,
            spec=PixelSpec("rgb", first.dtype.itemsize * 8, full_range=True, alpha=alpha),
            tags=ColourTags(range=FULL),
            rate=fps,
            duration=(len(paths) - 1) / fps,
            expected=len(paths),
            files=tuple(paths),
            window=window,
        )

    def pictures(self) -> Iterator[Picture]:
        depth = self.info.spec.depth
        for index, path in enumerate(self._paths):
            image = _read_image(path)
            if image.dtype.itemsize * 8 != depth:
                raise ValueError(f"{path} does not hold {depth} bits a channel as the first does")
            planes = [np.ascontiguousarray(image[..., channel]) for channel in (1, 0, 2)]
            if self.info.spec.alpha:
                opaque = np.full_like(planes[0], np.iinfo(image.dtype).max)
                planes.append(np.ascontiguousarray(image[..., 3]) if image.shape[2] > 3 else opaque)
            yield Picture(planes, self.info.spec, index * self._step, index)


def _image_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) >= 5
            return image.size[::-1] if turned else image.size
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def _read_image(path: Path) -> np.ndarray:
    """``(H, W, 3)`` BGR of 8 or 16 bits, upright; ``(H, W, 4)`` with alpha."""
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim < 3 or image.shape[2] < 4:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} is damaged or not an image of 8 or 16 bits a channel")
    return image
