"""Finding and choosing video clips: files, or folders of numbered images."""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vfi import shipped
from vfi.data import stores
from vfi.data.layouts import require_folder
from vfi.files import natural_key, visible_files

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    (".avi", ".mp4", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv")
)
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"))
_EXPECTS = "video clips (.avi, .mp4, .mkv, ...) or folders of numbered images"


Chosen = str | os.PathLike[str] | Sequence[str]
"""A file that lists clips, or their names."""


class Clip(NamedTuple):
    """A video file or a folder of images.

    Attributes:
        name: its path relative to the folder searched.
        path: where it lies on this machine.
        address: where it lies instead, of a file elsewhere.
        size: in bytes, if that is known without looking.
    """

    name: str
    path: Path
    address: str | None = None
    size: int | None = None

    @property
    def place(self) -> str:
        """What tells it from all other clips, by whatever path it was found."""
        return self.address or str(self.path.resolve())

    def bytes(self) -> int:
        """Its size, of a folder that of its images."""
        if self.size is not None:
            return self.size
        if self.address is not None:
            return stores.size_of(self.address)
        return sum(file.stat().st_size for file in self.images() or [self.path])

    def images(self) -> list[Path]:
        """The images of a folder in natural order; none for a file."""
        if self.address is not None or not self.path.is_dir():
            return []
        return sorted(_images_in(self.path), key=lambda path: natural_key(path.name))


def _images_in(folder: Path) -> list[Path]:
    return visible_files(folder, IMAGE_SUFFIXES) if folder.is_dir() else []


def find_clips(root: str | os.PathLike[str]) -> list[Clip]:
    """All clips under a folder, at any depth, in natural order of their names.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it is no folder, holds no clip or cannot be reached.
    """
    if stores.is_remote(root):
        return _remote_clips(str(root))
    root = Path(root)
    require_folder(root, _EXPECTS)
    clips = []
    seen: set[Path] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if _new(Path(folder, name), seen)]
        files = [file for file in files if not file.startswith(".")]
        suffixes = [Path(file).suffix.lower() for file in files]
        if sum(suffix in IMAGE_SUFFIXES for suffix in suffixes) >= 3:
            clips.append(Path(folder))
        clips += (
            Path(folder, file)
            for file, suffix in zip(files, suffixes, strict=True)
            if suffix in VIDEO_SUFFIXES and Path(folder, file).is_file()  # no pipe, no loop
        )
    if not clips:
        raise ValueError(f"no clips in {root}; expected {_EXPECTS}")
    named = [Clip(path.relative_to(root).as_posix(), path) for path in clips]
    return sorted(named, key=lambda clip: natural_key(clip.name))


def _remote_clips(root: str) -> list[Clip]:
    found = [
        clip_below(root, name, size)
        for name, size in stores.listed(root).items()
        if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
    ]
    if not found:
        raise ValueError(f"no clips at {root}; expected video clips (.avi, .mp4, .mkv, ...)")
    return sorted(found, key=lambda clip: natural_key(clip.name))


def clip_below(root: str | os.PathLike[str], name: str, size: int | None = None) -> Clip:
    """The clip of that name in a folder or at an address."""
    if stores.is_remote(root):
        return Clip(name, Path(name), stores.below(str(root), name), size)
    return Clip(name, Path(root, name), size=size)


def _new(folder: Path, seen: set[Path]) -> bool:
    """Notes a folder; False if a link leads to one that was seen or that it lies in."""
    place = folder.resolve()
    if place in seen or (folder.is_symlink() and folder.absolute().is_relative_to(place)):
        return False
    seen.add(place)
    return True


def select_clips(clips: list[Clip], chosen: Chosen) -> tuple[set[str], int]:
    """The clips that are named, and how many of the names are of none of them.

    A line of a list file is a clip's name relative to the folder, or its last part alone, as with
    UCF-101's class folders; the class number that ends the lines of its ``trainlist01.txt`` is
    ignored, and so are empty lines and what follows a ``#``.

    Raises:
        FileNotFoundError: if there is no such list.
        ValueError: if it names none of the clips.
    """
    by_name = {clip.name.rpartition("/")[2]: clip.name for clip in clips}
    by_name |= {clip.name: clip.name for clip in clips}
    found = [
        by_name.get(name) or by_name.get(name.replace("\\", "/").rpartition("/")[2])
        for name in (_listed(chosen) if isinstance(chosen, str | os.PathLike) else chosen)
    ]
    names = set(filter(None, found))
    if not names:
        raise ValueError(f"{chosen} names none of the {len(clips)} clips found; check the folder")
    return names, found.count(None)


def _listed(list_file: str | os.PathLike[str]) -> list[str]:
    """The names in a list file."""
    path = shipped.found(list_file)
    if not path.is_file():
        raise FileNotFoundError(f"no list of clips {path}; give a text file with a name in a line")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8; give a name in a line") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [_without_label(line) for line in lines if line]


def _without_label(line: str) -> str:
    labelled = re.fullmatch(r"(.+)\s+\d+", line)
    if labelled and Path(labelled[1].strip()).suffix.lower() in VIDEO_SUFFIXES:
        return labelled[1].strip()
    return line


def choose_clips(
    root: str | os.PathLike[str],
    clips: Chosen | None = None,
    hold_out: Chosen | None = None,
    known: list[Clip] | None = None,
) -> list[Clip]:
    """The clips under ``root``: those named in ``clips`` without those in ``hold_out``.

    Where the clips are ``known``, from an index, nothing is searched.

    Raises:
        FileNotFoundError: if the folder or a list is missing.
        ValueError: if a list fits none of the clips, or nothing is left.
    """
    found = find_clips(root) if known is None else known
    kept = found
    if clips is not None:
        names, absent = select_clips(found, clips)
        kept = [clip for clip in kept if clip.name in names]
        if absent:
            logger.warning("%d clips listed in %s are not in %s", absent, clips, root)
    if hold_out is not None:
        names, _ = select_clips(found, hold_out)
        kept = [clip for clip in kept if clip.name not in names]
    if not kept:
        raise ValueError(f"no clip of {root} is left: {hold_out} holds out all that were chosen")
    return kept
