"""Training-time choices: which triplets to take, which part of them, and how it is varied.

Everything works on uint8 crops with OpenCV and array views, in well under a millisecond for
256x256, because the loader shares its cores with the network. Tensor libraries would work on
floats, four times the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch.utils.data import Dataset

from vfi.data.images import Triplet, TripletSet, make_triplet

Frames = Sequence[np.ndarray]
"""(img0, gt, img1), each (H, W, 3) uint8 RGB."""


MAX_SIDE = 16_384
"""Pixels of a crop's side, at most: a frame of that size is 800 MB."""


@dataclass(frozen=True)
class Draw:
    """How one triplet is varied, in this order.

    Attributes:
        mirror: left-right.
        upside_down: top-bottom.
        turn: by a quarter, counterclockwise.
        reverse_time: whether img0 and img1 change places.
        reverse_channels: red and blue.
        tone: factors of brightness, gamma, red, green and blue, ``(5,)``.
        bars: black ones: the axis (0: top and bottom), and pixels at its beginning and end.
    """

    mirror: bool
    upside_down: bool
    turn: bool
    reverse_time: bool
    reverse_channels: bool
    tone: np.ndarray | None
    bars: tuple[int, int, int] | None


def keyed_rng(*key: int) -> np.random.Generator:
    """A generator that depends on the key alone, so that no order or process can change a draw."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


@dataclass(frozen=True)
class Augment:
    """Random variation of a triplet; the same for its three frames.

    Attributes:
        crop: side of the random square crop, pixels; None takes the whole frame. A smaller frame
            is enlarged first.
        flip: mirror left-right and, by its own draw, top-bottom, each in half of the triplets.
        rotate: turn by a quarter in half of the triplets.
        reverse_time: swap img0 and img1 in half of the triplets.
        reverse_channels: swap red and blue in half of the triplets.
        jitter: strength of the change of brightness, gamma and colour balance in half of the
            triplets: factors are drawn from 1 - jitter to 1 + jitter; 0 is off.
        zoom: the square cut out is up to this many times larger, as far as the frame allows, and
            shrunk to ``crop`` by area: finer detail and smaller motion from large frames. 1 is off.
        bars: share of the triplets that get black bars, as letterboxed video has, on two opposite
            sides, each up to a quarter of the frame. Without, a network that is trained for long
            forgets that black stays black. 0 is off.
        device: crop in the loader, and do the rest where the network is trained, batch by batch:
            for a GPU that loaders cannot keep busy. The draws are others, of the same
            distributions.

    Raises:
        ValueError: for the first that is out of bounds.
    """

    crop: int | None = 224
    flip: bool = True
    rotate: bool = True
    reverse_time: bool = True
    reverse_channels: bool = True
    jitter: float = 0.1
    zoom: float = 1.0
    bars: float = 0.0
    device: bool = False

    def __post_init__(self) -> None:
        if self.crop is not None and self.crop < 1:
            raise ValueError(f"crop is {self.crop}; it must be at least 1 pixel, or null for none")
        if self.crop is not None and self.crop > MAX_SIDE:
            raise ValueError(f"crop is {self.crop}; it must be at most {MAX_SIDE} pixels")
        if not 1 <= self.zoom < float("inf"):
            raise ValueError(f"zoom is {self.zoom}; it must be a number from 1 (off)")
        if not 0 <= self.jitter < 1:
            raise ValueError(f"jitter is {self.jitter}; it must be in [0, 1)")
        if not 0 <= self.bars <= 1:
            raise ValueError(f"bars is {self.bars}; it must be a share in [0, 1]")

    def cut(self, frames: Frames, rng: np.random.Generator) -> Frames:
        """The crop, as views of the frames where they are large enough and are not zoomed."""
        if self.crop is None:
            return frames
        frames = enlarge(frames, self.crop)
        height, width = frames[0].shape[:2]
        side = self.crop
        if self.zoom > 1:
            largest = min(self.zoom, min(height, width) / self.crop)
            side = round(self.crop * rng.uniform(1, largest))
        top = rng.integers(height - side + 1)
        left = rng.integers(width - side + 1)
        cut = [frame[top : top + side, left : left + side] for frame in frames]
        if side == self.crop:
            return cut
        size = (self.crop, self.crop)
        return [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in cut]

    def vary(self, frames: Frames, rng: np.random.Generator) -> Frames:
        """Mirrors, turns, reverses, recolours, puts bars on; the given frames stay as they are."""
        if self.device:
            return frames
        draw = self.draw(rng, frames[0].shape[:2])
        if draw.mirror:
            frames = [frame[:, ::-1] for frame in frames]
        if draw.upside_down:
            frames = [frame[::-1] for frame in frames]
        if draw.turn:
            frames = [np.rot90(frame) for frame in frames]
        if draw.reverse_time:
            frames = frames[::-1]
        if draw.reverse_channels:
            frames = [frame[:, :, ::-1] for frame in frames]
        if draw.tone is not None:
            table = _tone_table(draw.tone[0], draw.tone[1], draw.tone[2:])
            frames = [cv2.LUT(np.ascontiguousarray(frame), table) for frame in frames]
        if draw.bars is not None:
            frames = _letterboxed(frames, draw.bars)
        return frames

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> "Draw":
        """How a triplet with frames of that size, (height, width), is varied."""
        # all draws are made whatever is switched on, so that one switch does not change the
        # others' draws
        draws = rng.random(6) < 0.5
        tone = rng.uniform(1 - self.jitter, 1 + self.jitter, size=5)
        turn = bool(self.rotate and draws[2])
        bars = None
        if rng.random() < self.bars:
            axis = int(rng.integers(2))
            side = size[1 - axis if turn else axis]
            before, after = rng.integers(side // 4 + 1, size=2).tolist()
            bars = axis, before, after
        return Draw(
            bool(self.flip and draws[0]),
            bool(self.flip and draws[1]),
            turn,
            bool(self.reverse_time and draws[3]),
            bool(self.reverse_channels and draws[4]),
            tone if self.jitter and draws[5] else None,
            bars,
        )


def _letterboxed(frames: Frames, bars: tuple[int, int, int]) -> Frames:
    """Copies with black at the top and bottom or at the left and right."""
    axis, before, after = bars
    side = frames[0].shape[axis]
    black = [slice(None, before), slice(side - after, None)]
    frames = [frame.copy() for frame in frames]
    for frame in frames:
        for part in black:
            np.moveaxis(frame, axis, 0)[part] = 0
    return frames


def _tone_table(brightness: float, gamma: float, balance: np.ndarray) -> np.ndarray:
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * brightness * balance
    return np.rint(255 * levels).clip(0, 255).astype(np.uint8).reshape(1, 256, 3)


def enlarge(frames: Frames, side: int) -> Frames:
    """Frames whose shorter side is at least ``side`` pixels, their proportions kept."""
    height, width = frames[0].shape[:2]
    if min(height, width) >= side:
        return frames
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return [cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]


@dataclass(frozen=True)
class TripletFilter:
    """Rejects triplets that teach nothing or something wrong.

    Both measures are the mean absolute difference of 32x32 grey thumbnails, in levels of 255;
    averaging over thumbnails takes out noise and compression.

    Attributes:
        static: reject when no two frames differ by this much; 0 keeps all.
        uneven: reject when one half holds more than ``uneven`` times the change of the other, and
            over ``uneven`` levels: a scene cut, a doubled or dropped frame, a flash that has
            begun. 0 keeps all.

    Raises:
        ValueError: if one is negative or nan.
    """

    static: float = 0.5
    uneven: float = 4.0

    def __post_init__(self) -> None:
        if not (self.static >= 0 and self.uneven >= 0):
            raise ValueError(f"{self}: the limits must not be negative; 0 switches one off")

    def verdict(self, frames: Frames) -> str | None:
        """None to keep the triplet, else the name of the limit it broke."""
        if not (self.static or self.uneven):
            return None
        first, second, across = changes(frames)
        if max(first, second, across) < self.static:
            return "static"
        if self.uneven and max(first, second) > self.uneven * max(1.0, min(first, second)):
            return "uneven"
        return None


def changes(frames: Frames) -> tuple[float, float, float]:
    """Mean absolute thumbnail differences img0-gt, gt-img1, img0-img1, in levels of 255."""
    img0, gt, img1 = (
        cv2.cvtColor(cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in frames
    )
    first, second, across = (
        float(cv2.absdiff(a, b).mean()) for a, b in ((img0, gt), (gt, img1), (img0, img1))
    )
    return first, second, across


class Augmented(Dataset[Triplet]):
    """A map-style dataset varied anew each epoch, the same in whatever order it is read."""

    def __init__(self, dataset: TripletSet, augment: Augment, seed: int = 0) -> None:
        self.dataset = dataset
        self.augment = augment
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch's variation; takes effect when workers next start."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Triplet:
        item = self.dataset[index]
        rng = keyed_rng(self.seed, self.epoch, index)
        tensors = (item["img0"], item["gt"], item["img1"])
        frames: Frames = [tensor.numpy().transpose(1, 2, 0) for tensor in tensors]
        frames = self.augment.vary(self.augment.cut(frames, rng), rng)
        return make_triplet(frames, item["id"], index)

    def identity(self) -> dict[str, object]:
        """The underlying set's identity."""
        return self.dataset.identity()
