"""The shapes of a network's parts as data: blocks, frame encoder, refine stage."""

from dataclasses import dataclass
from typing import Any

UNET_STAGES = 4
SCALES = (1, 2, 4, 8, 16, 32)
FINEST_SCALES = (1, 2, 4)


def _check_width(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; a channel width must be an integer of at least 1")


def _check_slope(value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not 0 <= value < 1):
        raise ValueError(
            f"slope is {value!r}; it must be at least 0 and below 1, or None for PReLU"
        )


def check_scale(name: str, value: Any, allowed: tuple[int, ...]) -> None:
    """Makes sure that a scale is one of some numbers.

    Raises:
        ValueError: if it is not.
    """
    if value not in allowed or isinstance(value, bool):
        listed = f"{', '.join(map(str, allowed[:-1]))} or {allowed[-1]}"
        raise ValueError(f"{name} is {value!r}; it must be {listed}")


@dataclass(frozen=True)
class BlockSpec:
    """One IFNet block.

    Attributes:
        scale: its input is shrunk by this factor (a power of two).
        stem: output channels of ``conv0[0]``.
        trunk: output channels of ``conv0[1]`` and of the last convolution of ``convblock``, which
            the residual sum ties together.
        hidden: output channels of the other convolutions of ``convblock``, in order.
        residuals: in place of all that, ``convblock`` has so many residual convolutions of
            ``trunk`` channels: ``activation(convolution(x) * beta + x)``, with one ``beta`` a
            channel. ``hidden`` is empty then, and there is no sum around ``convblock``.
        slope: of a leaky ReLU behind each convolution; None has a PReLU, one slope a channel.
        shuffle: the last convolution makes four times the channels, which a pixel shuffle turns
            into twice the resolution.
    """

    scale: int
    stem: int
    trunk: int
    hidden: tuple[int, ...] = ()
    residuals: int = 0
    slope: float | None = None
    shuffle: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        check_scale("block scale", self.scale, SCALES)
        for name, width in (("stem", self.stem), ("trunk", self.trunk)):
            _check_width(f"block {name}", width)
        for index, width in enumerate(self.hidden):
            _check_width(f"block hidden[{index}]", width)
        if not isinstance(self.residuals, int) or self.residuals < 0:
            raise ValueError(
                f"residuals is {self.residuals!r}; it must be an integer of at least 0"
            )
        if self.residuals and self.hidden:
            raise ValueError(
                f"residuals is {self.residuals} and hidden {self.hidden}; give one of the two"
            )
        _check_slope(self.slope)
        if not isinstance(self.shuffle, bool):
            raise ValueError(f"shuffle is {self.shuffle!r}; it must be true or false")

    @classmethod
    def uniform(cls, width: int, scale: int) -> "BlockSpec":
        """The official layout: eight convolutions of ``width`` behind a stem of half of it."""
        return cls(scale=scale, stem=width // 2, trunk=width, hidden=(width,) * 7)

    @classmethod
    def residual(cls, width: int, scale: int) -> "BlockSpec":
        """The layout of the later networks: eight residual convolutions and a pixel shuffle."""
        return cls(scale, width // 2, width, residuals=8, slope=0.2, shuffle=True)


@dataclass(frozen=True)
class EncoderSpec:
    """The encoder of a frame, whose output blocks read beside the frame itself.

    Attributes:
        widths: output channels of its 3x3 convolutions, the first of stride 2.
        out: output channels of the transposed convolution behind them, at full resolution.
        slope: of the leaky ReLU behind each but the last; None has a PReLU, one slope a channel.
    """

    widths: tuple[int, ...]
    out: int
    slope: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if not self.widths:
            raise ValueError("an encoder needs at least one convolution; widths is empty")
        for index, width in enumerate(self.widths):
            _check_width(f"encoder widths[{index}]", width)
        _check_width("encoder out", self.out)
        _check_slope(self.slope)


@dataclass(frozen=True)
class StageSpec:
    """Two convolutions, the first of stride 2: output channels of the first and of the second."""

    inner: int
    out: int

    def __post_init__(self) -> None:
        _check_width("stage inner", self.inner)
        _check_width("stage out", self.out)


@dataclass(frozen=True)
class RefineSpec:
    """The refine stage: four context stages, four U-Net encoder stages, four decoder widths.

    Attributes:
        context: the context network's stages, at 1/2, 1/4, 1/8 and 1/16 of what it reads.
        down: the U-Net's encoder stages, likewise.
        up: output channels of its decoder's stages, coarse to fine.
        scale: what the stage reads is shrunk by this factor (1, 2 or 4), and its correction
            enlarged by it. Any weights run at any scale; those of another one lose quality until
            they are trained further.
    """

    context: tuple[StageSpec, ...]
    down: tuple[StageSpec, ...]
    up: tuple[int, ...]
    scale: int = 1

    def __post_init__(self) -> None:
        check_scale("refine scale", self.scale, FINEST_SCALES)
        for name in ("context", "down", "up"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != UNET_STAGES:
                raise ValueError(
                    f"refine {name} has {len(values)} stages; it must have {UNET_STAGES}"
                )
        for index, width in enumerate(self.up):
            _check_width(f"refine up[{index}]", width)

    @classmethod
    def uniform(cls, width: int) -> "RefineSpec":
        """The official layout: ``width`` channels (16) at half resolution, doubling downwards."""
        context = tuple(StageSpec(width << k, width << k) for k in range(UNET_STAGES))
        down = tuple(StageSpec(width << k, width << k) for k in range(1, UNET_STAGES + 1))
        up = tuple(width << k for k in reversed(range(UNET_STAGES)))
        return cls(context=context, down=down, up=up)
