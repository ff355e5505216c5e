"""How long models take, measured against each other."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from vfi.measure.conditions import Conditions, check_positive

Model = Callable[[Tensor, Tensor], Any]


@dataclass(frozen=True)
class Latency:
    """What a model took, beside others, on this machine.

    Attributes:
        median_ms: median time of a call.
        p90_ms: 90th percentile.
        fps: calls a second, from the median.
        speedup: how many times faster than the first model: the median over rounds of the ratio
            within a round. Both halves of a ratio are measured within a second or so of each
            other, so a machine that slows down for a while moves them alike.
        height: of the frames, in pixels.
        width: likewise.
        repeats: rounds measured.
        threads: torch's CPU threads.
        device: ``cpu`` or ``cuda:0``.
        precision: the type convolutions ran in.
        channels_last: memory layout of weights and frames.
    """

    median_ms: float
    p90_ms: float
    fps: float
    speedup: float
    height: int
    width: int
    repeats: int
    threads: int
    device: str
    precision: str
    channels_last: bool


def compare_latency(
    models: Mapping[str, Model],
    conditions: Conditions,
    *,
    warmup: int = 3,
    repeats: int = 20,
    progress: bool = False,
) -> dict[str, Latency]:
    """Times models against each other: every round calls each of them once.

    Interleaved, because a machine's speed drifts: figures of separate runs do not compare. Each
    round begins with the next model, so that none always profits from the caches of another.
    Frames are smooth and moving, as real ones are: the cost of warping depends on the flow.

    Args:
        models: ``model(img0, img1)`` by name, ``(1, 3, height, width)`` in [0, 1] each; the first
            is the reference. Modules are timed in the mode (train or eval) that they are in, on
            the device of the conditions; their weights are laid out as those say and restored.
        conditions: how to time.
        warmup: rounds before the measured ones.
        repeats: measured rounds.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if there is no model or a number is out of range.
    """
    check_positive(repeats=repeats)
    if not models or warmup < 0:
        raise ValueError(
            f"give at least one model and a warmup of 0 or more, got {list(models)} and {warmup}"
        )
    with contextlib.ExitStack() as stack:
        threads = stack.enter_context(conditions.hold())
        if conditions.channels_last:
            for model in models.values():
                stack.enter_context(_channels_last(model))
        device = torch.device(conditions.device)
        frames = [
            frame.to(device, memory_format=conditions.layout)
            for frame in moving_frames(conditions.height, conditions.width)
        ]
        calls = {n: partial(timed, partial(m, *frames), device) for n, m in models.items()}
        times = in_turns(calls, warmup, repeats, progress)
    reference = times[next(iter(models))]
    used = replace(conditions, threads=threads)
    return {name: _summary(seconds, reference, used) for name, seconds in times.items()}


def in_turns(
    calls: Mapping[str, Callable[[], float]],
    warmup: int = 3,
    repeats: int = 20,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """Rounds of calls: every round makes each call once and begins with the next one.

    Args:
        calls: by name; each gives what it took, in seconds.
        warmup: rounds before those that count.
        repeats: rounds that count.
        progress: whether to show a progress bar.

    Returns:
        The seconds of each, in the order of the rounds.
    """
    names = list(calls)
    times: dict[str, list[float]] = {name: [] for name in names}
    rounds = range(-warmup, repeats)
    console = Console(stderr=True)  # standard output is for results
    for index in track(rounds, "timing", console=console, transient=True, disable=not progress):
        shift = index % len(names)
        for name in names[shift:] + names[:shift]:
            seconds = calls[name]()
            if index >= 0:
                times[name].append(seconds)
    return {name: np.array(seconds) for name, seconds in times.items()}


def moving_frames(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Smooth texture and the same 3 pixels further, ``(1, 3, height, width)`` each."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 16 + 2, width // 16 + 2, generator=generator)
    size = (height + 3, width + 3)
    texture = F.interpolate(coarse, size, mode="bicubic", align_corners=False).clamp(0, 1)
    return texture[..., 3:, 3:], texture[..., :height, :width]


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, including what the device does after the call has returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def figures(seconds: np.ndarray, reference: np.ndarray, frames: int = 1) -> dict[str, float]:
    """Median, p90, frames a second and speedup of calls; see `Latency`.

    Args:
        seconds: of each round.
        reference: those of what is compared to, in the same rounds.
        frames: made by a call.
    """
    median = float(np.median(seconds))
    return {
        "median_ms": median * 1e3,
        "p90_ms": float(np.percentile(seconds, 90)) * 1e3,
        "fps": frames / median,
        "speedup": float(np.median(reference / seconds)),
    }


def _summary(seconds: np.ndarray, reference: np.ndarray, conditions: Conditions) -> Latency:
    return Latency(
        **figures(seconds, reference),
        height=conditions.height,
        width=conditions.width,
        repeats=len(seconds),
        threads=conditions.threads or torch.get_num_threads(),
        device=conditions.device,
        precision=conditions.precision,
        channels_last=conditions.channels_last,
    )


@contextlib.contextmanager
def _channels_last(model: Model) -> Iterator[None]:
    """Lays a module's weights out channels last for a while; then they are the very same again."""
    tensors = [p for p in model.parameters() if p.ndim == 4] if isinstance(model, nn.Module) else []
    before = [tensor.data for tensor in tensors]
    for tensor in tensors:
        tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    try:
        yield
    finally:
        for tensor, data in zip(tensors, before, strict=True):
            tensor.data = data
