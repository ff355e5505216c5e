"""What can be read and how, as configurations give it."""

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vfi.data.augment import MAX_SIDE, Augment, TripletFilter
from vfi.data.heldout import ClipTriplets
from vfi.data.images import TripletSet
from vfi.data.joined import JoinedTriplets
from vfi.data.layouts import LAYOUTS, require_folder
from vfi.data.rendered import RenderedClasses, RenderSpec, Shares
from vfi.data.rendered.mixed import check_shares
from vfi.data.sample import SampleTriplets
from vfi.data.triplets import TripletFolder
from vfi.data.video import StreamSpec

Source = Literal[
    "auto", "sample", "ucf101", "vimeo90k", "middlebury", "snufilm", "video", "rendered"
]
SOURCES: tuple[str, ...] = ("auto", "sample", *LAYOUTS, "video", "rendered")
TrainSource = Literal["sample", "vimeo90k", "video", "rendered", "mixed"]
TRAIN_SOURCES: tuple[str, ...] = ("sample", "vimeo90k", "video", "rendered", "mixed")
"""The others exist for testing."""

_PER_CLASS = 16
_BATCH_GIB = 16  # what is more is a mistake of some zeros


@dataclass(frozen=True)
class TrainData:
    """What ``fit`` trains on.

    Attributes:
        source: one of ``TRAIN_SOURCES``; ``rendered`` moves photographs, ``mixed`` is that and
            ``video``.
        root: the set's folder; the sample needs none. Of a rendered source, any folder of
            pictures; of a mixed one, that of the clips.
        split: the set's part; by default Vimeo-90K's train part.
        clips: of a video source, the clips to use: a list file or their names; None uses all.
        hold_out: of a video source, the clips to leave out: a list file or their names. Where
            neither this nor ``val.clips`` is given, ``fit`` chooses some (`vfi.data.split`).
        steps: batches per epoch and process. Video is read again as often as needed, other sources
            at most once; None reads once. With video, several processes need a number, because
            they must take equally many steps.
        batch_size: triplets per step and process.
        stream: how triplets are drawn from video.
        augment: how triplets are cropped and varied.
        keep: which triplets of a video are kept.
        photos: of a mixed source, the folder of pictures to render from.
        shares: of a mixed source, how much comes from where, by epoch; half and half if not given.
        render: of a rendered or mixed source, what is drawn and how it moves.
        index: of a video or mixed source, the file that ``vfi index`` made of its root, which may
            be an address (s3://..., http://...): nothing is searched, and processes and workers
            get about equally many frames.

    Raises:
        ValueError: for the first that is out of bounds or does not go with another.
    """

    source: TrainSource = "sample"
    root: str | None = None
    split: str | None = None
    clips: tuple[str, ...] | str | None = None
    hold_out: tuple[str, ...] | str | None = None
    steps: int | None = None
    batch_size: int = 8
    stream: StreamSpec = field(default_factory=StreamSpec)
    augment: Augment = field(default_factory=Augment)
    keep: TripletFilter = field(default_factory=TripletFilter)
    photos: str | None = None
    shares: tuple[Shares, ...] | None = None
    render: RenderSpec = field(default_factory=RenderSpec)
    index: str | None = None

    def __post_init__(self) -> None:
        check_source("train", self.source, TRAIN_SOURCES)
        check_counts("train", batch_size=self.batch_size, steps=self.steps)
        if self.augment.crop is None:
            raise ValueError("train.augment.crop is null; batches need crops of one size")
        if self.augment.device and self.source in ("rendered", "mixed"):
            raise ValueError(
                f"train.augment.device does not go with the source {self.source!r}: rendered "
                "triplets are varied as they are drawn; leave it out"
            )
        size = self.batch_size * self.augment.crop**2 * 9 / 2**30  # three frames of three bytes
        if size > _BATCH_GIB:
            raise ValueError(
                f"train.batch_size is {self.batch_size} with crops of {self.augment.crop} pixels: "
                f"a batch would be {size:.0f} GiB of frames, and at most {_BATCH_GIB} are read"
            )
        if self.shares is not None:
            check_shares(self.shares)


@dataclass(frozen=True)
class ValData:
    """What ``fit`` and ``validate`` measure between epochs.

    Attributes:
        source: one of ``SOURCES``; ``auto`` is the set found in the root; without one, clips that
            ``train`` holds out if it reads clips, else the sample.
        root: the set's folder; None takes that of ``train`` where the source is the same.
        split: the set's part, for sets that have parts.
        clips: of a video source, the clips to use: a list file or their names; None uses all.
        strides: of a video source, frames from img0 to gt, taken in turns.
        per_clip: of a video source, triplets per clip, evenly spaced.
        size: of a video source, side of the centre crop, pixels.
        short_side: of a video source, shrink larger frames to this shorter side, pixels; None
            keeps them.
        batch_size: triplets per batch; they must be of one size.
        photos: a folder of pictures; None takes that of ``train``.
        per_class: rendered triplets of each class of motion (``vfi.data.rendered.CLASSES``), from
            the photographs that training leaves out, after the source's own; 0 is none. They are
            of ``size``, too.

    Raises:
        ValueError: for the first that is out of bounds.
    """

    source: Source = "auto"
    root: str | None = None
    split: str | None = None
    clips: tuple[str, ...] | str | None = None
    strides: tuple[int, ...] = (1, 2, 3)
    per_clip: int = 12
    size: int = 256
    short_side: int | None = None
    batch_size: int = 1
    photos: str | None = None
    per_class: int = 0

    def __post_init__(self) -> None:
        if self.per_class < 0:
            raise ValueError(f"val.per_class is {self.per_class}; it must be 0 (none) or more")
        check_source("val", self.source)
        check_counts("val", batch_size=self.batch_size, per_clip=self.per_clip)
        if not self.strides or min(self.strides) < 1:
            raise ValueError(f"val.strides is {self.strides}; give numbers of at least 1")
        for name, side, least in (("size", self.size, 16), ("short_side", self.short_side, 1)):
            if side is not None and not least <= side <= MAX_SIDE:
                raise ValueError(f"val.{name} is {side}; it must be from {least} to {MAX_SIDE}")


def validated(val: ValData, train: TrainData) -> ValData:
    """What is validated on; its folders may be those of the training set."""
    of_root = "video" if train.source == "mixed" else train.source
    shared = train.root if val.source == of_root else None
    photos = train.root if train.source == "rendered" else train.photos
    return replace(val, root=val.root or shared, photos=val.photos or photos)


def resolve(data: ValData) -> ValData:
    """The same with ``auto`` replaced: by the sample without a folder, else by the set it holds."""
    if data.source != "auto":
        return data
    found: Any = "sample" if data.root is None else recognise(data.root)
    return replace(data, source=found)


def open_source(data: ValData, check: bool = True) -> TripletSet:
    """The map-style dataset of a source; ``check`` looks at all images of a folder first.

    Raises:
        FileNotFoundError: if there is no such folder, or an image of it is missing.
        ValueError: if the folder is not given, or does not hold what the source is.
    """
    data = resolve(data)
    check_root("root", data.source, data.root)  # callers that know their option have asked before
    root = data.root or ""
    if data.source == "rendered":
        return RenderedClasses(root, data.per_class or _PER_CLASS, data.size)
    if data.per_class:
        if data.photos is None:
            raise ValueError(
                "val.per_class needs photographs: give their folder with --data.val.photos or "
                "--data.train.photos, or set val.per_class to 0"
            )
        rendered = RenderedClasses(data.photos, data.per_class, data.size)
        return JoinedTriplets([open_source(replace(data, per_class=0), check), rendered])
    if data.source == "sample":
        return SampleTriplets()
    if data.source == "video":
        return ClipTriplets(
            root,
            clips=data.clips,
            strides=data.strides,
            per_clip=data.per_clip,
            size=data.size,
            short_side=data.short_side,
        )
    return TripletFolder(root, data.source, data.split, check=check)


def recognise(root: str | os.PathLike[str]) -> str:
    """The name of the layout in which a folder holds triplets.

    Video is not guessed: folders of images would pass for it.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds triplets in none of the layouts.
    """
    require_folder(Path(root), "triplets")
    for name, layout in LAYOUTS.items():
        with contextlib.suppress(FileNotFoundError, ValueError):
            layout.triplets(Path(root))
            return name
    known = "; ".join(f"{layout.expects} ({name})" for name, layout in LAYOUTS.items())
    raise ValueError(f"no triplets in {root}; known are: {known}; for clips set source to video")


def check_source(owner: str, source: str, allowed: tuple[str, ...] = SOURCES) -> None:
    """Raises ValueError unless the source is one of those allowed."""
    if source not in allowed:
        raise ValueError(f"{owner}.source is {source!r}; allowed: {', '.join(allowed)}")


def check_root(option: str, source: str, root: str | None) -> None:
    """Raises ValueError, naming the option, if the source lacks its folder or takes none."""
    if source == "sample" and root is not None:
        raise ValueError(f"the sample is no folder; leave out --{option} or choose a source")
    if source not in ("auto", "sample") and root is None:
        raise ValueError(f"the source {source!r} needs its folder; give it with --{option}")


def check_counts(owner: str, **counts: int | None) -> None:
    """Raises ValueError for the first count that is neither None nor positive."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{owner}.{name} is {count}; it must be at least 1")
