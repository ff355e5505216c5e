"""The shape of a RIFE network as data: every channel width, every input, every scale."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SIGNALS = {
    "img0": 3,
    "img1": 3,
    "warped0": 3,
    "warped1": 3,
    "timestep": 1,
    "mask": 1,
    "gt": 3,
}
"""What a block can read, with its channels; blocks after the first also read the flow (4)."""

FLOW_CHANNELS = 4
_FIRST_SIGNALS = {"img0", "img1", "timestep"}
_CONV_STRIDE = 4  # conv0 halves the resolution twice
_UNET_STAGES = 4
_SCALES = (1, 2, 4, 8, 16)
_FINEST = (1, 2, 4)


def _check_width(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}; a channel width must be an integer of at least 1")


def _check_scale(name: str, value: Any, allowed: tuple[int, ...]) -> None:
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
    """

    scale: int
    stem: int
    trunk: int
    hidden: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        _check_scale("block scale", self.scale, _SCALES)
        for name, width in (("stem", self.stem), ("trunk", self.trunk)):
            _check_width(f"block {name}", width)
        for index, width in enumerate(self.hidden):
            _check_width(f"block hidden[{index}]", width)

    @classmethod
    def uniform(cls, width: int, scale: int) -> "BlockSpec":
        """The official layout: eight convolutions of ``width`` behind a stem of half of it."""
        return cls(scale=scale, stem=width // 2, trunk=width, hidden=(width,) * 7)


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
        _check_scale("refine scale", self.scale, _FINEST)
        for name in ("context", "down", "up"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != _UNET_STAGES:
                raise ValueError(
                    f"refine {name} has {len(values)} stages; it must have {_UNET_STAGES}"
                )
        for index, width in enumerate(self.up):
            _check_width(f"refine up[{index}]", width)

    @classmethod
    def uniform(cls, width: int) -> "RefineSpec":
        """The official layout: ``width`` channels (16) at half resolution, doubling downwards."""
        context = tuple(StageSpec(width << k, width << k) for k in range(_UNET_STAGES))
        down = tuple(StageSpec(width << k, width << k) for k in range(1, _UNET_STAGES + 1))
        up = tuple(width << k for k in reversed(range(_UNET_STAGES)))
        return cls(context=context, down=down, up=up)


@dataclass(frozen=True)
class Step:
    """The resolutions of one block's work, each 1 / x of the frames'.

    Attributes:
        scale: at which the block reads.
        level: at which flow, mask and warped frames are known before it.
        after: at which flow and mask are known after it.
    """

    scale: float
    level: float
    after: float


@dataclass(frozen=True)
class RIFESpec:
    """A whole network of the RIFE family.

    Attributes:
        variant: the official variant it descends from; a pruned network keeps it.
        blocks: the IFNet blocks, coarse to fine.
        first_inputs: the signals (see `SIGNALS`) that the first block reads, in order.
        inputs: the signals that every later block reads, in order, before the flow.
        teacher: the training-only block that also sees the ground truth, or None.
        teacher_inputs: its signals, in order, before the flow.
        refine: the context network and U-Net, or None to stop after the merge.
        warp_at_scale: between blocks, flow and mask are kept, and the frames warped, at the
            resolution that the next block reads, where the official networks do so at full
            resolution and shrink the result. Any weights run either way; the frames differ by
            little, and fewer pixels are warped, resized and copied.
        finest_scale: no block works at a finer scale than this one (1, 2 or 4). At 2, the last
            block, of scale 1, reads half the resolution, at a quarter of the cost; flow and mask
            are enlarged after it. Any weights run either way; the frames differ, so they should be
            trained further.
    """

    variant: str
    blocks: tuple[BlockSpec, ...]
    first_inputs: tuple[str, ...]
    inputs: tuple[str, ...]
    teacher: BlockSpec | None = None
    teacher_inputs: tuple[str, ...] = ()
    refine: RefineSpec | None = None
    warp_at_scale: bool = False
    finest_scale: int = 1

    def __post_init__(self) -> None:
        for name in ("blocks", "first_inputs", "inputs", "teacher_inputs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.blocks:
            raise ValueError("a RIFE spec needs at least one block; it has none")
        self._check_signals("first_inputs", _FIRST_SIGNALS)
        self._check_signals("inputs", set(SIGNALS) - {"gt"})
        self._check_signals("teacher_inputs", set(SIGNALS))
        if not isinstance(self.warp_at_scale, bool):
            raise ValueError(f"warp_at_scale is {self.warp_at_scale!r}; it must be true or false")
        _check_scale("finest_scale", self.finest_scale, _FINEST)

    def _check_signals(self, name: str, allowed: set[str]) -> None:
        unknown = [signal for signal in getattr(self, name) if signal not in allowed]
        if unknown:
            raise ValueError(f"{name} has {unknown}; allowed signals are {sorted(allowed)}")

    @property
    def arbitrary_timestep(self) -> bool:
        """Whether the network can be asked for a time other than the middle."""
        return "timestep" in self.first_inputs

    def stride(self, flow_scale: float = 1.0) -> int:
        """Heights and widths must be multiples of this many pixels."""
        flow = math.ceil(max(self.scales) * _CONV_STRIDE / flow_scale)
        return max(flow, self.refine.scale << _UNET_STAGES if self.refine else _CONV_STRIDE)

    @property
    def scales(self) -> tuple[int, ...]:
        """The scale at which each block works."""
        return tuple(max(block.scale, self.finest_scale) for block in self.blocks)

    def steps(self, flow_scale: float = 1.0) -> tuple[Step, ...]:
        """The resolutions of each block's work."""
        scales = [scale / flow_scale for scale in self.scales]
        levels = [max(scale, 1.0) if self.warp_at_scale else 1.0 for scale in scales]
        levels.append(min(float(self.finest_scale), levels[-1]))
        return tuple(map(Step, scales, levels, levels[1:]))

    def block_channels(self, index: int) -> int:
        """Channels that block ``index`` reads, flow included."""
        if index == 0:
            return sum(SIGNALS[signal] for signal in self.first_inputs)
        return sum(SIGNALS[signal] for signal in self.inputs) + FLOW_CHANNELS

    @property
    def teacher_channels(self) -> int:
        """Channels that the teacher block reads, flow included."""
        return sum(SIGNALS[signal] for signal in self.teacher_inputs) + FLOW_CHANNELS

    def replace(self, **changes: Any) -> "RIFESpec":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def for_inference(self) -> "RIFESpec":
        """The same network without its training-only teacher block."""
        return self.replace(teacher=None, teacher_inputs=())

    def plain(self) -> "RIFESpec":
        """The same with every field that fits any weights as in the official networks."""
        refine = self.refine and dataclasses.replace(self.refine, scale=1)
        return self.replace(refine=refine, warp_at_scale=False, finest_scale=1)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain dictionaries, lists and numbers."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RIFESpec":
        """The inverse of `to_dict`.

        Raises:
            ValueError: if a field is missing, unknown or out of bounds.
        """
        try:
            fields = dict(data)
            fields["blocks"] = [BlockSpec(**block) for block in fields["blocks"]]
            if fields.get("teacher") is not None:
                fields["teacher"] = BlockSpec(**fields["teacher"])
            if fields.get("refine") is not None:
                refine = dict(fields["refine"])
                for name in ("context", "down"):
                    refine[name] = [StageSpec(**stage) for stage in refine[name]]
                fields["refine"] = RefineSpec(**refine)
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a RIFE spec: {error}; it must be what to_dict gives") from error
