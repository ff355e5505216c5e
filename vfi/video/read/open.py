"""Opens an input of whatever kind."""

from fractions import Fraction
from pathlib import Path

from vfi.files import natural_key, visible_files
from vfi.video.read.animations import AnimationSource, is_animation
from vfi.video.read.images import IMAGE_SUFFIXES, ImageSource, is_deep
from vfi.video.read.source import Source
from vfi.video.read.unchanged import states
from vfi.video.read.video import VideoSource
from vfi.video.read.whole import cut_off
from vfi.video.read.window import Window
from vfi.video.read.y4m import PIPE, Y4MSource

_FOLDER_FPS = Fraction(24)


_PAIR_FPS = Fraction(1)
_WHOLE = Window()


def open_source(
    path: str | Path,
    second: str | Path | None = None,
    fps: Fraction | None = None,
    window: Window = _WHOLE,
) -> Source:
    """Opens a video file, a folder of images, or two images.

    Args:
        path: a video, an animated PNG, WebP or AVIF, a folder of images (in natural order of their
            names; hidden files do not count), or an image; ``-`` is YUV4MPEG2 on standard input.
        second: the second image when ``path`` is one.
        fps: images per second; 24 for a folder, 1 for two images if None. Or frames per second of a
            stream of pictures that is in no container.
        window: the part that is wanted; not of two images.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if it cannot be read as that.
    """
    path = Path(path)
    before = states([path] if path.is_file() else [])
    source = _open(path, second, fps, window)
    source.seen = {**states(source.info.files), **before}
    return source


def _open(path: Path, second: str | Path | None, fps: Fraction | None, window: Window) -> Source:
    if path == PIPE:
        if second is not None or fps is not None:
            raise ValueError("--second and --input-fps are for images; - is a video")
        if not window.is_whole:
            raise ValueError("--start and --duration need a file; - is read once, from its start")
        return Y4MSource()
    for file in (path, Path(second) if second else path):
        if not file.exists():
            raise FileNotFoundError(f"{file} does not exist; give a video or a folder of images")
        if not (file.is_file() or file.is_dir()):  # it would be waited for, and is read twice
            raise ValueError(f"{file} is a device or a pipe; give a file, or - for standard input")
    if path.is_dir():
        images = visible_files(path, IMAGE_SUFFIXES)
        images.sort(key=lambda file: natural_key(file.name))
        return ImageSource(images, fps or _FOLDER_FPS, path, window)
    if second is None and is_animation(path):
        if fps is not None:
            raise ValueError(f"--input-fps is for images; {path} has its own frame times")
        return VideoSource(path, window) if is_deep(path) else AnimationSource(path, window)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        if second is None:
            lacks = cut_off(path)
            raise ValueError(
                f"{path} is {lacks}"
                if lacks
                else f"{path} is one image; give the other one with --second"
            )
        if not window.is_whole:
            raise ValueError("--start and --duration are for more than two images; leave them out")
        return ImageSource([path, Path(second)], fps or _PAIR_FPS, path)
    if second is not None:
        raise ValueError(f"--second goes with an image; {path} is not one by its name")
    return VideoSource(path, window, fps)
