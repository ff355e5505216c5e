"""Operations of the plain network as cheaper ones that give the same numbers.

*Phases* are the four pixels of a 2x2 square, ``(row, column)`` = (0, 0), (0, 1), (1, 0), (1, 1): a
tensor ``(B, C, 2H, 2W)`` *in phases* is ``(B, 4C, H, W)``. Which channel holds which phase of which
signal is said by an `Order`. Every function here turns weights into weights; none sees an image.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Order = Sequence[tuple[int, int]]
"""For each channel of a tensor in phases: (signal, phase)."""

PHASES = 4


def planar_order(signals: int) -> Order:
    """The four phases of the first signal, of the second, ...: as `F.pixel_shuffle` reads them."""
    return [(signal, phase) for signal in range(signals) for phase in range(PHASES)]


FLOW_ORDER: Order = [(2 * f + axis, p) for f in (0, 1) for p in range(PHASES) for axis in (0, 1)]
"""Both flows (signals 0 to 3) with x and y of a pixel side by side, as a sampling grid wants."""


def convolution(
    weight: Tensor, bias: Tensor | None = None, stride: int | tuple[int, int] = 1, padding: int = 0
) -> nn.Conv2d:
    """A convolution of ``weight`` ``(O, I, kH, kW)`` and ``bias`` ``(O,)``, without gradients."""
    outputs, inputs, *kernel = weight.shape
    layer = nn.utils.skip_init(
        nn.Conv2d, inputs, outputs, tuple(kernel), stride, padding, bias=bias is not None
    )
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


def strided_on_phases(weight: Tensor, order: Order) -> Tensor:
    """A 3x3 convolution of stride 2 and padding 1, as one on phases.

    Args:
        weight: ``(O, I, 3, 3)``.
        order: of the input in phases.

    Returns:
        ``(O, len(order), 2, 2)``, for stride 1 after padding one row above and one column left.
    """
    outputs, inputs = weight.shape[:2]
    phased = weight.new_zeros(outputs, inputs, 2, 2, 2, 2)
    taps = ((1, 0), (0, 1), (1, 1))  # tap of the old kernel -> (phase, tap of the new kernel)
    for row, (phase_y, tap_y) in enumerate(taps):
        for column, (phase_x, tap_x) in enumerate(taps):
            phased[:, :, phase_y, phase_x, tap_y, tap_x] = weight[:, :, row, column]
    phased = phased.flatten(2, 3)
    return torch.stack([phased[:, signal, phase] for signal, phase in order], 1)


def same_on_corners(weight: Tensor) -> Tensor:
    """A 3x3 convolution of stride 1 and padding 1, ``(O, I, 3, 3)``, as one from phases to corners.

    Returns:
        ``(4 * O, 4 * I, 2, 2)`` for padding 1 and `from_corners`, its input in `planar_order`.
    """
    outputs, inputs = weight.shape[:2]
    phased = weight.new_zeros(outputs, 2, 2, inputs, 2, 2, 2, 2)
    for out_y, out_x, row, column in itertools.product(range(2), range(2), range(3), range(3)):
        y, x = out_y + row, out_x + column  # of the 4x4 pixels around the corner
        phased[:, out_y, out_x, :, y % 2, x % 2, y // 2, x // 2] = weight[:, :, row, column]
    return phased.reshape(4 * outputs, 4 * inputs, 2, 2)


def transposed_on_corners(weight: Tensor) -> Tensor:
    """A transposed convolution (kernel 4, stride 2, padding 1) as a 2x2 one that makes corners.

    Args:
        weight: ``(I, O, 4, 4)``, as `nn.ConvTranspose2d` keeps it.

    Returns:
        ``(4 * O, I, 2, 2)`` for padding 1 and `from_corners`.
    """
    inputs, outputs = weight.shape[:2]
    # Row 2i - 1 + p takes tap p + 2 of input row i - 1 and tap p of row i.
    taps = weight.reshape(inputs, outputs, 2, 2, 2, 2).flip(2, 4)
    return taps.permute(1, 3, 5, 0, 2, 4).reshape(4 * outputs, inputs, 2, 2)


def transposed_on_phases(weight: Tensor) -> Tensor:
    """The same as a 3x3 convolution that makes phases: for what may not be cut.

    Returns:
        ``(4 * O, I, 3, 3)`` for padding 1, the result in `planar_order`.
    """
    inputs, outputs = weight.shape[:2]
    corners = transposed_on_corners(weight).reshape(outputs, 2, 2, inputs, 2, 2)
    phased = weight.new_zeros(outputs, 2, 2, inputs, 3, 3)
    for y, x in itertools.product(range(2), range(2)):
        phased[:, y, x, :, y : y + 2, x : x + 2] = corners[:, 1 - y, 1 - x]
    return phased.reshape(4 * outputs, inputs, 3, 3)


def from_corners(corners: Tensor) -> Tensor:
    """*Corners* ``(B, 4 * C, H + 1, W + 1)`` -> ``(B, C, 2 * H, 2 * W)``.

    Those are phases whose 2x2 squares begin one pixel above and one left of the image.
    """
    return F.pixel_shuffle(corners, 2)[..., 1:-1, 1:-1]


def bilinear_rows(factor: int) -> Tensor:
    """Bilinear enlarging of one axis by an even ``factor``.

    Returns:
        ``(factor, 3)``: what the new pixel ``p`` of ``factor`` takes of the old pixels before, at
        and after its place.
    """
    position = (torch.arange(factor) + 0.5) / factor + 0.5  # among the three old pixels
    return (1 - (position[:, None] - torch.arange(3)).abs()).clamp(min=0)


def _enlarging(rows: Tensor, signals: int, gain: float) -> Tensor:
    """``(n, n, signals, signals, 3, 3)``: each signal alone to ``n`` x ``n`` new pixels."""
    taps = torch.einsum("yi,xj->yxij", rows, rows) * gain
    weight = rows.new_zeros(len(rows), len(rows), signals, signals, 3, 3)
    for signal in range(signals):
        weight[:, :, signal, signal] = taps
    return weight


def enlarging(factor: int, order: Order, gain: float = 1.0) -> Tensor:
    """Bilinear enlarging by ``factor``, times ``gain``, into phases.

    Returns:
        ``(len(order) * inner**2, signals, 3, 3)`` with ``inner = factor / 2``, for an input with
        its border replicated by one pixel; a pixel shuffle of ``inner`` then gives the result in
        phases and in ``order``.
    """
    inner, signals = factor // 2, max(signal for signal, _ in order) + 1
    weight = _enlarging(bilinear_rows(factor), signals, gain).unflatten(1, (inner, 2))
    weight = weight.unflatten(0, (inner, 2))
    parts = [weight[:, phase // 2, :, phase % 2, signal] for signal, phase in order]
    return torch.stack(parts).reshape(-1, signals, 3, 3)


def enlarging_to_squares(factor: int, signals: int = 1, gain: float = 1.0) -> Tensor:
    """Bilinear enlarging by ``factor``, times ``gain``, into squares of ``factor`` pixels a side.

    Returns:
        ``(factor**2 * signals, signals, 3, 3)``, for an input with its border replicated by one
        pixel; a pixel's signals stand side by side.
    """
    return _enlarging(bilinear_rows(factor), signals, gain).reshape(-1, signals, 3, 3)


def shrinking(factor: int, channels: int, gain: float = 1.0) -> nn.Conv2d:
    """Bilinear shrinking by an even ``factor``, times ``gain``.

    That is the mean of the middle 2x2 of every square.
    """
    weight = torch.zeros(channels, channels, factor, factor)
    weight[range(channels), range(channels)] = _middle(factor) * gain
    return convolution(weight, stride=factor)


def shrinking_phases(factor: int, order: Order, gain: float = 1.0) -> nn.Conv2d:
    """The same from phases, times ``gain``: ``(B, len(order), H, W)`` to one plane a signal.

    The result has ``2 / factor`` of the height and width of a phase.
    """
    signals, inner = max(signal for signal, _ in order) + 1, factor // 2
    weight = torch.zeros(signals, len(order), inner, inner)
    for channel, (signal, phase) in enumerate(order):
        weight[signal, channel] = _middle(factor)[phase // 2 :: 2, phase % 2 :: 2] * gain
    return convolution(weight, stride=inner)


def enlarged_then_shrunk(up: int, down: int, signals: int, gain: float = 1.0) -> Tensor:
    """Bilinear enlarging by ``up`` and shrinking of the result by ``down``, times ``gain``, in one.

    Args:
        up: even; a multiple of ``down``.
        down: even.
        signals: planes of the input.
        gain: what the values are multiplied by.

    Returns:
        ``(signals * (up / down)**2, signals, 3, 3)``, for an input with its border replicated by
        one pixel; a pixel shuffle of ``up / down`` then gives the planes.
    """
    ratio, start = up // down, down // 2 - 1
    rows = bilinear_rows(up).reshape(ratio, down, 3)[:, start : start + 2].mean(1)
    return _enlarging(rows, signals, gain).permute(2, 0, 1, 3, 4, 5).reshape(-1, signals, 3, 3)


def shrinking_squares(side: int, factor: int) -> nn.Conv2d:
    """The same from squares of ``side`` pixels, a multiple of ``factor``.

    It takes ``(signals, 1, H, W * side**2)`` to ``(signals, (side / factor)**2, H, W)``.
    """
    count = side // factor
    weight = torch.zeros(count, count, count, factor, count, factor)
    for y, x in itertools.product(range(count), range(count)):
        weight[y, x, y, :, x] = _middle(factor)
    return convolution(weight.reshape(count**2, 1, 1, side**2), stride=(1, side**2))


def from_squares(image: Tensor, side: int) -> Tensor:
    """``(1, C, H, W * side**2)``, squares of pixels in rows -> ``(1, C, H * side, W * side)``."""
    channels, height = image.shape[1:3]
    pixels = image.reshape(channels * height, -1, side, side).permute(0, 2, 1, 3)
    return pixels.reshape(1, channels, height * side, -1)


def _middle(factor: int) -> Tensor:
    weight, start = torch.zeros(factor, factor), factor // 2 - 1
    weight[start : start + 2, start : start + 2] = 0.25
    return weight


def replicated(image: Tensor) -> Tensor:
    """``(B, C, H, W)`` with its border repeated by one pixel."""
    return F.pad(image, (1, 1, 1, 1), mode="replicate")
