"""Interpolates frames in memory, one after the other."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from vfi.models.device import device_of
from vfi.runtime.resolve import DEFAULT_MODEL, resolve_model
from vfi.video.make.predict import Predictor, Request
from vfi.video.read.colour import PixelSpec
from vfi.video.read.source import Picture
from vfi.video.timing.cuts import (
    DEFAULT_CUT_THRESHOLD,
    DEFAULT_STATIC_THRESHOLD,
    Analyser,
    Relation,
)

Frame = TypeVar("Frame", np.ndarray, Tensor)

_SPEC = PixelSpec("rgb", full_range=True)


def interpolate_frames(
    frames: Iterable[Frame],
    multiplier: int = 2,
    model: str | nn.Module = DEFAULT_MODEL,
    device: str = "auto",
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD,
    static_threshold: float = DEFAULT_STATIC_THRESHOLD,
    flow_scale: float | None = None,
    batch_size: int = 1,
    still: bool = True,
) -> Iterator[Frame]:
    """Yields the frames with ``multiplier - 1`` new ones after each but the last.

    Between different scenes and equal pictures the earlier frame is repeated instead. Each frame is
    copied as it is read and each result is an object of its own, so that a reader may fill one
    buffer again and again, and whoever takes the results may change them.

    Args:
        frames: RGB, all of one size: arrays ``(H, W, 3)`` of 8-bit integers, or tensors
            ``(3, H, W)`` of floats in [0, 1]. They are read as results are asked for.
        multiplier: output frames per input frame, 2 or more.
        model: what `vfi.load_model` takes, or a model, which is used where it is.
        device: where a model given by name runs.
        cut_threshold: see `Settings`.
        static_threshold: see `Settings`.
        flow_scale: see `Settings`.
        batch_size: frames made at once.
        still: put back what stands still in both frames, such as text over a moving picture.

    Yields:
        Frames of the kind, and tensors on the device, that came in; the given ones as copies.

    Raises:
        ValueError: if a frame is of another shape or type, or the model cannot do ``multiplier``.
    """
    if multiplier < 2:
        raise ValueError(f"multiplier is {multiplier}; it must be 2 or more")
    network, _ = resolve_model(model, device)
    predictor = Predictor(network, flow_scale, batch_size, still=still)
    if not predictor.any_timestep and multiplier & (multiplier - 1):
        raise ValueError(
            f"this model only halves intervals, so multiplier {multiplier} is beyond it; use 2, 4 "
            "or 8, or a model that takes any timestep"
        )
    return _interpolated(
        frames, multiplier, predictor, device_of(network), Analyser(cut_threshold, static_threshold)
    )


def _interpolated(
    frames: Iterable[Frame],
    multiplier: int,
    predictor: Predictor,
    device: torch.device,
    analyser: Analyser,
) -> Iterator[Frame]:
    times = [Fraction(k, multiplier) for k in range(1, multiplier)]
    last: tuple[Frame, Picture, Tensor] | None = None
    for index, given in enumerate(frames):
        rgb = _to_rgb(given, last[0] if last else given)
        frame = _copy(given)
        picture = Picture(_SPEC.from_rgb(rgb), _SPEC, Fraction(index), index)
        rgb = rgb.to(device)
        if last is not None:
            yield _copy(last[0])
            relation, _ = analyser.compare(last[1], picture)
            if relation is Relation.MOTION:
                made = predictor([Request(last[2], rgb, time) for time in times])
                yield from (_like(frame, new) for new in made)
            else:
                yield from (_copy(last[0]) for _ in times)
        last = frame, picture, rgb
    if last is not None:
        yield _copy(last[0])


def _to_rgb(frame: Frame, model: Frame) -> Tensor:
    """``(3, H, W)`` float32 RGB in [0, 1] of a frame that must be like ``model``."""
    array = isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3
    tensor = isinstance(frame, Tensor) and frame.is_floating_point() and frame.ndim == 3
    channels = frame.shape[2] if array else frame.shape[0] if tensor else 0
    if channels != 3 or frame.shape != model.shape or type(frame) is not type(model):
        raise ValueError(
            f"a frame is {type(frame).__name__} {tuple(getattr(frame, 'shape', ()))} "
            f"{getattr(frame, 'dtype', '')}; all must be arrays (H, W, 3) of uint8 or tensors "
            "(3, H, W) of floats in [0, 1], of one size"
        )
    if isinstance(frame, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float() / 255
    return frame.float().clamp(0, 1)


def _copy(frame: Frame) -> Frame:
    return frame.copy() if isinstance(frame, np.ndarray) else frame.clone()


def _like(frame: Frame, rgb: Tensor) -> Frame:
    if isinstance(frame, np.ndarray):
        return rgb.mul(255).add_(0.5).floor_().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return rgb.to(frame, copy=True)  # a plain tensor, which autograd takes
