"""Where frames come from: the description of an input and the pictures it yields."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vfi.interpolate.colour import FULL, ColourTags, PixelSpec

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
_FOLDER_FPS = Fraction(24)
_PAIR_FPS = Fraction(1)
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, eq=False)
class Picture:
    """One input frame as it is stored.

    Attributes:
        planes: code values, see `PixelSpec`.
        spec: what they mean.
        time: when it is shown, in seconds.
        index: its place among the decoded frames.
    """

    planes: list[np.ndarray]
    spec: PixelSpec
    time: Fraction
    index: int

    def rgb(self, device: torch.device | str = "cpu") -> Tensor:
        """``(3, H, W)`` float32 RGB in [0, 1]."""
        return self.spec.to_rgb(self.planes, device)

    @property
    def nbytes(self) -> int:
        """Bytes of memory it holds."""
        return sum(plane.nbytes for plane in self.planes)


@dataclass(frozen=True)
class SourceInfo:
    """What is known of an input before its frames are read.

    Attributes:
        path: the file or folder.
        width: of a frame as stored, before any rotation.
        height: likewise.
        spec: how pixels are stored.
        tags: what the input says of its colours.
        aspect: width of a pixel over its height, None if it does not say.
        rate: frames per second, None if it varies.
        tick: the unit of its timestamps, in seconds.
        slack: by how many seconds rounding to that unit may have moved them.
        start: the first frame's time.
        duration: seconds from there to the end, as far as known.
        expected: frames it should hold, None if unknown.
        holds_last: whether the last frame is shown for a time of its own, as in a video.
        display_matrix: the nine numbers by which players turn the picture, if any.
        is_video: whether it is a file with streams, rather than images.
    """

    path: Path
    width: int
    height: int
    spec: PixelSpec
    tags: ColourTags = field(default_factory=ColourTags)
    aspect: Fraction | None = None
    rate: Fraction | None = None
    tick: Fraction = Fraction(0)
    slack: Fraction = Fraction(0)
    start: Fraction = Fraction(0)
    duration: Fraction = Fraction(0)
    expected: int | None = None
    holds_last: bool = False
    display_matrix: tuple[int, ...] | None = None
    is_video: bool = False


class Source:
    """An input that can be read once from the start.

    Attributes:
        info: see `SourceInfo`.
        end: when the last frame's showing ends; known once `pictures` is exhausted, None if the
            last frame is not held.
        problems: what went wrong while reading, in sentences.
    """

    info: SourceInfo
    end: Fraction | None = None

    def __init__(self) -> None:
        self.problems: list[str] = []

    def pictures(self) -> Iterator[Picture]:
        """Yields the frames in the order they are shown."""
        raise NotImplementedError


class ImageSource(Source):
    """Images, equally far apart in time.

    Args:
        paths: the image files in order, at least two.
        fps: images per second.
        path: the folder or file to name in reports.

    Raises:
        ValueError: if there are fewer than two, one is no image, or sizes differ.
    """

    def __init__(self, paths: list[Path], fps: Fraction, path: Path) -> None:
        super().__init__()
        if len(paths) < 2:
            raise ValueError(f"{path} holds {len(paths)} images; interpolation needs two or more")
        sizes = {file: _image_size(file) for file in paths}
        odd = next((file for file in paths if sizes[file] != sizes[paths[0]]), None)
        if odd is not None:
            raise ValueError(
                f"{odd} is {sizes[odd][0]}x{sizes[odd][1]} but {paths[0]} is "
                f"{sizes[paths[0]][0]}x{sizes[paths[0]][1]}; all images must be of one size"
            )
        self._paths = paths
        first = _read_image(paths[0])
        height, width = first.shape[:2]
        self.info = SourceInfo(
            path=path,
            width=width,
            height=height,
            spec=PixelSpec("rgb", depth=first.dtype.itemsize * 8, full_range=True),
            tags=ColourTags(range=FULL),
            rate=fps,
            duration=(len(paths) - 1) / fps,
            expected=len(paths),
        )

    def pictures(self) -> Iterator[Picture]:
        depth = self.info.spec.depth
        for index, path in enumerate(self._paths):
            image = _read_image(path)
            if image.dtype.itemsize * 8 != depth:
                raise ValueError(f"{path} does not hold {depth} bits a channel as the first does")
            planes = [np.ascontiguousarray(image[..., channel]) for channel in (1, 0, 2)]
            yield Picture(planes, self.info.spec, index / self.info.rate, index)


def open_source(
    path: str | Path, second: str | Path | None = None, fps: Fraction | None = None
) -> Source:
    """Opens a video file, a folder of images, or two images.

    Args:
        path: a video, a folder of images (in natural order of their names), or an image.
        second: the second image when ``path`` is one.
        fps: images per second; 24 for a folder, 1 for two images if None.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if it cannot be read as that.
    """
    from vfi.interpolate.video_source import VideoSource

    path = Path(path)
    for file in (path, Path(second) if second else path):
        if not file.exists():
            raise FileNotFoundError(f"{file} does not exist; give a video or a folder of images")
    if path.is_dir():
        images = [file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
        return ImageSource(sorted(images, key=_natural), fps or _FOLDER_FPS, path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        if second is None:
            raise ValueError(f"{path} is one image; give the other one with --second")
        return ImageSource([path, Path(second)], fps or _PAIR_FPS, path)
    if second is not None:
        raise ValueError(f"--second goes with an image; {path} is not one by its name")
    if fps is not None:
        raise ValueError(f"--input-fps is for images; {path} has its own frame times")
    return VideoSource(path)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def _image_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) >= 5
            return image.size[::-1] if turned else image.size
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def _read_image(path: Path) -> np.ndarray:
    """``(H, W, 3)`` BGR of 8 or 16 bits, upright."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} is damaged or not an image of 8 or 16 bits a channel")
    return image
