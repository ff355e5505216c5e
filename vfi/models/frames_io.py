"""Frames as people have them, to tensors that networks take and back; whatever runs the network.

A frame is a torch tensor ``(B, 3, H, W)`` of floats in [0, 1], or a numpy array ``(H, W, 3)`` or
``(B, H, W, 3)`` of uint8; RGB in all of them.
"""

import math
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Frame = TypeVar("Frame", Tensor, "np.ndarray")

_OVERSHOOT = 0.1  # floats that were resized lie a little outside of [0, 1]


def to_tensors(img0: Frame, img1: Frame, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two frames as ``(B, 3, H, W)`` float32 in [0, 1] on a device.

    Raises:
        ValueError: if they are of another type, layout or range, not finite, or unlike each other.
    """
    tensors = _tensor(img0, "img0"), _tensor(img1, "img1")
    check_alike(img0, img1)
    first, second = (tensor.to(device, torch.float32) for tensor in tensors)
    if not isinstance(img0, np.ndarray):
        _check_range(first, "img0")
        _check_range(second, "img1")
    return first, second


def to_tensor(frame: Frame, name: str, device: torch.device) -> Tensor:
    """A frame as ``(B, 3, H, W)`` float32 in [0, 1] on a device.

    Raises:
        ValueError: if it is of another type, layout or range, or not finite.
    """
    tensor = _tensor(frame, name).to(device, torch.float32)
    if not isinstance(frame, np.ndarray):
        _check_range(tensor, name)
    return tensor


def check_alike(img0: Frame, img1: Frame) -> None:
    """Refuses frames of different kinds or shapes.

    Raises:
        ValueError: if they are.
    """
    if type(img0) is not type(img1) or img0.shape != img1.shape:
        raise ValueError(
            f"img0 is {_told(img0)} and img1 is {_told(img1)}; both must be of one kind and size"
        )


def size_of(frame: Frame) -> tuple[int, int]:
    """Height and width in pixels."""
    height, width = frame.shape[-3:-1] if isinstance(frame, np.ndarray) else frame.shape[-2:]
    return height, width


def give_back(made: Tensor, like: Frame) -> Frame:
    """A frame ``(B, 3, H, W)`` in [0, 1] in the form that the frame ``like`` has.

    Arrays are rounded to 8 bits; tensors get the type and the device of ``like``.
    """
    if isinstance(like, np.ndarray):
        steps = made.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)
        array = steps.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return array[0] if like.ndim == 3 else array
    return made.to(like.device, like.dtype)


def check_timestep(timestep: float | Tensor, batch: int) -> None:
    """Refuses times that do not lie between the frames.

    Raises:
        ValueError: if a time is no number in [0, 1], or there is neither one nor one a frame.
    """
    if isinstance(timestep, Tensor):
        if timestep.numel() not in (1, batch) or timestep.dtype == torch.bool:
            raise ValueError(
                f"timestep is {_told(timestep)}; give one number, or a tensor (B,) of {batch}"
            )
        values = timestep.detach().flatten().tolist()
    elif isinstance(timestep, bool) or not isinstance(timestep, int | float | np.number):
        raise ValueError(f"timestep is {timestep!r}; it must be a number in [0, 1]")
    else:
        values = [float(timestep)]
    for value in values:
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"timestep is {value}; it must be in [0, 1]: 0 is img0, 1 is img1")


def _tensor(frame: Frame, name: str) -> Tensor:
    """``(B, 3, H, W)``, floats; arrays are divided by 255."""
    if isinstance(frame, np.ndarray):
        if frame.dtype != np.uint8 or frame.ndim not in (3, 4) or frame.shape[-1] != 3:
            raise ValueError(
                f"{name} is {_told(frame)}; an array must be uint8 RGB (H, W, 3) or (B, H, W, 3)"
                + _advice(frame)
            )
        _check_size(frame.shape[-3:-1], frame.shape[:-3], name)
        array = np.ascontiguousarray(frame if frame.ndim == 4 else frame[None])
        return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 255
    if not isinstance(frame, Tensor):
        raise ValueError(
            f"{name} is {type(frame).__name__}; give a torch tensor (B, 3, H, W) in [0, 1] or a "
            "numpy array (H, W, 3) of uint8"
        )
    if not frame.is_floating_point() or frame.ndim != 4 or frame.shape[1] != 3:
        raise ValueError(
            f"{name} is {_told(frame)}; a tensor must be floats (B, 3, H, W) in [0, 1]"
            + _advice(frame)
        )
    if frame.layout != torch.strided:
        raise ValueError(f"{name} is {frame.layout}; use x.to_dense()")
    _check_size(frame.shape[-2:], frame.shape[:1], name)
    return frame


def _check_size(size: tuple[int, ...], batch: tuple[int, ...], name: str) -> None:
    if 0 in (*size, *batch):
        raise ValueError(f"{name} is empty: a batch of {batch or 1}, {size[0]}x{size[1]} pixels")


def _check_range(frame: Tensor, name: str) -> None:
    low, high = _ends(frame.detach())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} holds NaN or infinity; values must be in [0, 1]")
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        hint = "; divide by 255" if low >= 0 and high > 2 else ""
        hint = "; use (x + 1) / 2" if -1 <= low < 0 and high <= 1 else hint
        raise ValueError(
            f"{name} has values from {low:g} to {high:g}; they must be in [0, 1]{hint}"
        )


def _ends(frame: Tensor) -> tuple[float, float]:
    """The smallest and the largest value; NaN if there is one."""
    if frame.device.type != "cpu":
        low, high = frame.aminmax()
        return low.item(), high.item()
    # Not by torch: its idle threads spin for a while, which holds up a network in OpenVINO.
    values = frame.numpy()
    return float(values.min()), float(values.max())


def _advice(frame: Frame) -> str:
    """How to get there from a usual mistake."""
    if isinstance(frame, np.ndarray):
        if frame.ndim in (3, 4) and frame.shape[-1] != 3 and 3 in frame.shape[-3:]:
            return "; this one looks like (3, H, W): use np.moveaxis(x, -3, -1)"
        if frame.ndim >= 3 and frame.shape[-1] == 4:
            return "; leave out alpha: x[..., :3]"
        return ""
    if not frame.is_floating_point():
        return "; use x.float() / 255"
    if frame.ndim == 3 and frame.shape[0] == 3:
        return "; use x[None]"
    if frame.ndim in (3, 4) and frame.shape[-1] == 3:
        return "; this one looks like (H, W, 3): use x.movedim(-1, -3)"
    return ""


def _told(frame: Frame) -> str:
    kind = "an array" if isinstance(frame, np.ndarray) else "a tensor"
    if not isinstance(frame, np.ndarray | Tensor):
        return f"a {type(frame).__name__}"
    return f"{kind} {tuple(frame.shape)} of {str(frame.dtype).removeprefix('torch.')}"
