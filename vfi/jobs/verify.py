"""The ``verify`` job: is a dataset whole, and is it the one behind the published figures?"""

import logging
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from vfi.data.clips import Clip, find_clips
from vfi.data.decoding import DamagedClipError, decode
from vfi.data.images import png_size, read_rgb
from vfi.data.layouts import LAYOUTS, TripletPaths
from vfi.data.triplets import expected_checksums
from vfi.files import sha256

logger = logging.getLogger(__name__)

_NAMED = 10  # faults named in an error; all are logged


def verify(root: str, source: str = "ucf101", split: str | None = None) -> None:
    """Checks a dataset's folder and says what is missing, superfluous or damaged.

    UCF-101 is compared with the SHA-256 of each of its 1137 files. Of the other sets every image is
    decoded and the triplets are counted; of a folder of video every clip is decoded to its end.

    Args:
        root: the set's folder.
        source: ucf101, vimeo90k, middlebury, snufilm or video.
        split: the set's part, where it has parts: train, test; easy, medium, hard, extreme.

    Raises:
        FileNotFoundError: if the folder does not exist.
        ValueError: if the set is not whole, with a summary; or for an unknown source or split.
    """
    folder = Path(root)
    if source == "video":
        clips = find_clips(folder)
        faults = list(_video_faults(clips))
        found = f"{len(clips)} clips"
    elif source in LAYOUTS:
        layout = LAYOUTS[source]
        triplets = layout.triplets(folder, split)
        check = _ucf101_faults if source == "ucf101" else _image_faults
        faults = list(check(folder, triplets))
        expected = layout.counts[layout.default_split if split is None else split]
        if len(triplets) != expected:
            faults.insert(0, f"{len(triplets)} triplets instead of {expected}")
        found = f"{len(triplets)} triplets"
    else:
        raise ValueError(f"unknown source {source!r}; allowed: {', '.join((*LAYOUTS, 'video'))}")
    for fault in faults:
        logger.error("%s", fault)
    if faults:
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise ValueError(f"{root} is not intact: {'; '.join(faults[:_NAMED])}{more}")
    logger.info("%s is intact: %s of %s", root, found, source)


def _ucf101_faults(root: Path, triplets: list[TripletPaths]) -> Iterator[str]:
    expected = expected_checksums()
    present = {path for triplet in triplets for path in triplet.frames}
    for path in sorted(present - set(expected)):
        yield f"superfluous: {path}"
    for path, digest in track(expected.items(), "Checksums"):
        if not (root / path).is_file():
            yield f"missing: {path}"
        elif sha256(root / path) != digest:
            yield f"damaged: {path} ({_difference(root / path)})"


def _difference(path: Path) -> str:
    try:
        size = read_rgb(path).shape[:2]
    except ValueError:
        return "not a readable image"
    return "other content" if size == (256, 256) else f"{size[1]}x{size[0]} pixels, not 256x256"


def _image_faults(root: Path, triplets: list[TripletPaths]) -> Iterator[str]:
    for triplet in track(triplets, "Images"):
        sizes = set()
        for path in triplet.frames:
            try:
                if path.endswith(".png"):
                    png_size(root / path)  # some decoders fill up a file that was cut short
                sizes.add(read_rgb(root / path).shape)
            except FileNotFoundError:
                yield f"missing: {path}"
            except ValueError as error:
                yield f"damaged: {error}"
        if len(sizes) > 1:
            yield f"frames of different sizes: {triplet.id}"


def _video_faults(clips: list[Clip]) -> Iterator[str]:
    for clip in track(clips, "Clips"):
        try:
            for frame in decode(clip):
                if clip.images():
                    frame.rgb()
        except DamagedClipError as error:
            yield f"damaged: {clip.name} ({error})"
        except ValueError as error:
            yield f"damaged: {error}"
