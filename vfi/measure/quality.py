"""The frame interpolation benchmark's quality figures, one value per image.

Every function takes ``pred`` and ``target`` as ``(B, 3, H, W)`` RGB in [0, 1] and returns ``(B,)``;
a data set's figure is the arithmetic mean of its images' values, which is what the classes compute.
(Pooling the squared error over a batch first, as torchmetrics' PSNR does, is a different number.)

None of them rounds. The benchmark measures frames as they would be stored, so the evaluation calls
`quantize` once on the prediction and hands the result to every metric and to the saved pictures.

The protocol is that of the RIFE authors' ``benchmark/UCF101.py``; see the docstrings.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

PERFECT_PSNR = 100.0
"""Decibels of a prediction equal to the target, and the highest figure `psnr` gives.

The true value is infinite, and one such frame would make the mean of a data set infinite. 100 dB is
an error of one 8-bit step in one of 65,000 numbers: no frame that differs visibly is cut off.
"""

_WINDOW = 11
_SIGMA = 1.5
_C1 = 0.01**2
_C2 = 0.03**2


def quantize(frames: Tensor) -> Tensor:
    """Rounds frames in [0, 1] to what 8 bits can store (halves to even); clamps what lies outside.

    Args:
        frames: any shape.

    Returns:
        Multiples of 1/255, same shape and type.
    """
    return (frames.clamp(0, 1) * 255).round() / 255


def psnr(pred: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, at most `PERFECT_PSNR`.

    The squared error is averaged over an image's pixels and channels; the peak is 1.

    Args:
        pred: ``(B, 3, H, W)`` in [0, 1].
        target: the same shape.

    Returns:
        ``(B,)`` in dB.

    Raises:
        ValueError: if the shapes are wrong or differ, or an image holds NaN or infinite values.
    """
    pred, target = _pair(pred, target)
    error = (pred - target).square().mean((1, 2, 3), dtype=torch.float64)
    floor = 10 ** (-PERFECT_PSNR / 10)
    return _finite(-10 * error.clamp(min=floor).log10(), pred, target)


def interpolation_error(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference in 8-bit levels (0 to 255), the Middlebury "IE" of the RIFE authors.

    Args, Returns, Raises: as `psnr`, in levels.
    """
    pred, target = _pair(pred, target)
    return _finite((pred - target).abs().mean((1, 2, 3), dtype=torch.float64) * 255, pred, target)


def ssim_matlab(pred: Tensor, target: Tensor) -> Tensor:
    """Structural similarity as the benchmark reports it: the image as one ``3 x H x W`` volume.

    ``ssim_matlab`` of pytorch-msssim: an 11x11x11 Gaussian window (sigma 1.5), replicate padding of
    5 on all three axes, L = 1, K = 0.01 and 0.03. It reads about 0.02 higher than `ssim_2d`.

    The window is separable, and with 3 channels its depth axis is a 3x3 matrix: the same number as
    the 3-D convolution in a hundredth of its time.

    Args, Returns, Raises: as `psnr`, in [-1, 1].
    """
    pred, target = _pair(pred, target)
    values = _ssim(pred, target, lambda x: _blur_channels(_blur(x, "replicate")))
    return _finite(values, pred, target)


def ssim_2d(pred: Tensor, target: Tensor) -> Tensor:
    """Structural similarity as libraries compute it: each channel by itself, reflect padding of 5.

    torchmetrics' ``structural_similarity_index_measure(..., data_range=1.0)`` per image (since
    version 1.5), at a quarter of its time. Papers on interpolation publish `ssim_matlab` instead.

    Args, Returns, Raises: as `psnr`, in [-1, 1]; height and width of at least 6.
    """
    pred, target = _pair(pred, target)
    if min(pred.shape[-2:]) <= _WINDOW // 2:
        raise ValueError(
            f"ssim_2d needs a height and width of at least {_WINDOW // 2 + 1}, "
            f"got {tuple(pred.shape)}"
        )
    return _finite(_ssim(pred, target, lambda x: _blur(x, "reflect")), pred, target)


def _pair(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The two batches checked, in a type precise enough to measure in (at least float32)."""
    if pred.shape != target.shape or pred.ndim != 4 or pred.shape[1] != 3 or pred.numel() == 0:
        raise ValueError(
            "pred and target must both be (B, 3, H, W), got "
            f"{tuple(pred.shape)} and {tuple(target.shape)}"
        )
    if not (pred.is_floating_point() and target.is_floating_point()):
        raise ValueError(
            "pred and target must be floats in [0, 1], got "
            f"{pred.dtype} and {target.dtype}; divide 8-bit frames by 255"
        )
    dtype = torch.promote_types(torch.promote_types(pred.dtype, target.dtype), torch.float32)
    return pred.to(dtype), target.to(dtype)


def _finite(values: Tensor, pred: Tensor, target: Tensor) -> Tensor:
    """``values`` if all are finite: NaN pixels always reach them, so good frames cost no pass.

    They come as sums in float64, which threads and their number leave the same in ``pred``'s type.
    """
    values = values.to(pred.dtype)
    good = values.isfinite()
    if good.all():
        return values
    images = (~good).nonzero().flatten().tolist()
    names = [n for n, x in (("pred", pred), ("target", target)) if not x.isfinite().all()]
    raise ValueError(
        f"{' and '.join(names) or 'pred - target'} {tuple(pred.shape)} holds NaN or infinite "
        f"values in image {', '.join(map(str, images))} of the batch; check the input frames and "
        "the weights"
    )


def _window() -> list[float]:
    """The 11 weights of the Gaussian window, summing to 1."""
    half = _WINDOW // 2
    window = [math.exp(-(offset**2) / (2 * _SIGMA**2)) for offset in range(-half, half + 1)]
    return [weight / sum(window) for weight in window]


def _ssim(pred: Tensor, target: Tensor, average: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean SSIM ``(B,)``; ``average`` weighs a map ``(3, H, W)`` by the window.

    One image at a time, one map at a time: they stay in the cache, and their memory is used again.
    Values are centred around 0, which halves the cancellation in E[x²] - E[x]²; only the sum of the
    two variances is ever used, hence four averages and not five.
    """
    values = []
    for p, t in zip(pred - 0.5, target - 0.5, strict=True):
        mean_p, mean_t = average(p), average(t)
        covariance = average(p * t) - mean_p * mean_t
        variances = average(p * p + t * t) - mean_p * mean_p - mean_t * mean_t
        mean_p, mean_t = mean_p + 0.5, mean_t + 0.5
        luminance = (2 * mean_p * mean_t + _C1) / (mean_p * mean_p + mean_t * mean_t + _C1)
        contrast = (2 * covariance + _C2) / (variances + _C2)
        values.append((luminance * contrast).mean(dtype=torch.float64))
    return torch.stack(values)


def _blur(x: Tensor, padding: str) -> Tensor:
    """Weighs ``(3, H, W)`` by the window along rows and columns, padded to keep the size.

    Sums of shifted slices: several times faster on a CPU than conv2d with one-channel filters. Like
    `_blur_channels` it keeps to elementwise arithmetic, which neither autocast nor
    reduced-precision (TF32) settings touch.
    """
    half = _WINDOW // 2
    window = _window()
    x = F.pad(x, (half, half, half, half), mode=padding)
    for axis in (-1, -2):
        size = x.shape[axis] - 2 * half
        total = x.narrow(axis, 0, size) * window[0]
        for tap in range(1, _WINDOW):
            total.add_(x.narrow(axis, tap, size), alpha=window[tap])
        x = total
    return x


def _blur_channels(x: Tensor) -> Tensor:
    """Weighs ``(3, H, W)`` by the window along the channels, the outer two repeated."""
    window = _window()
    edge = _WINDOW // 2
    mixed = []
    for channel in range(3):
        # The taps that fall on or before the first channel, on the middle one, and beyond.
        low, middle = sum(window[: edge - channel + 1]), window[edge - channel + 1]
        total = x[0] * low
        mixed.append(total.add_(x[1], alpha=middle).add_(x[2], alpha=1 - low - middle))
    return torch.stack(mixed)
