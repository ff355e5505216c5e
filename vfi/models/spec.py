"""The shape of a RIFE network as data: every channel width, every input, every scale."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vfi.models.parts import (
    FINEST_SCALES,
    UNET_STAGES,
    BlockSpec,
    EncoderSpec,
    RefineSpec,
    StageSpec,
    check_scale,
)

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

ENCODED = ("encoded0", "encoded1", "warped_encoded0", "warped_encoded1")
"""What it can read as well where there is a frame encoder: its outputs, and they, warped."""

FLOW_CHANNELS = 4
_FIRST_SIGNALS = {"img0", "img1", "timestep", "encoded0", "encoded1"}
_CONV_STRIDE = 4  # conv0 halves the resolution twice


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
        encoder: of each frame, or None.
        features: channels that a block puts out behind flow and mask; the next one reads them if
            ``inputs`` has ``features``.
        accumulate_mask: whether a block's mask is added to the one before; if not, it replaces it.
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
    encoder: EncoderSpec | None = None
    features: int = 0
    accumulate_mask: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.variant, str) or not self.variant:
            raise ValueError(f"a spec's variant is {self.variant!r}; it must be a name")
        for name in ("blocks", "first_inputs", "inputs", "teacher_inputs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.blocks:
            raise ValueError("a RIFE spec needs at least one block; it has none")
        if not isinstance(self.features, int) or self.features < 0:
            raise ValueError(f"features is {self.features!r}; it must be an integer of at least 0")
        known = {*SIGNALS, *(ENCODED if self.encoder else ())}
        self._check_signals("first_inputs", _FIRST_SIGNALS & known)
        self._check_signals(
            "inputs", known - {"gt"} | {"features"} if self.features else known - {"gt"}
        )
        self._check_signals("teacher_inputs", set(SIGNALS))
        for name in ("warp_at_scale", "accumulate_mask"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be true or false")
        check_scale("finest_scale", self.finest_scale, FINEST_SCALES)

    def _check_signals(self, name: str, allowed: set[str]) -> None:
        unknown = [signal for signal in getattr(self, name) if signal not in allowed]
        if unknown:
            raise ValueError(f"{name} has {unknown}; allowed signals are {sorted(allowed)}")

    @property
    def arbitrary_timestep(self) -> bool:
        """Whether the network can be asked for a time other than the middle."""
        return "timestep" in self.first_inputs

    def stride(self, flow_scale: float = 1.0) -> int:
        """Heights and widths must be multiples of this many pixels.

        Raises:
            ValueError: if motion cannot be estimated at that share of the resolution.
        """
        if flow_scale not in (0.25, 0.5, 1.0, 2.0):
            raise ValueError(f"flow_scale is {flow_scale!r}; it must be 0.25, 0.5, 1.0 or 2.0")
        flow = math.ceil(max(self.scales) * _CONV_STRIDE / flow_scale)
        return max(flow, self.refine.scale << UNET_STAGES if self.refine else _CONV_STRIDE)

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
            return self._channels(self.first_inputs)
        return self._channels(self.inputs) + FLOW_CHANNELS

    @property
    def teacher_channels(self) -> int:
        """Channels that the teacher block reads, flow included."""
        return self._channels(self.teacher_inputs) + FLOW_CHANNELS

    def _channels(self, signals: tuple[str, ...]) -> int:
        encoded = self.encoder.out if self.encoder else 0
        channels = SIGNALS | dict.fromkeys(ENCODED, encoded) | {"features": self.features}
        return sum(channels[signal] for signal in signals)

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
        data: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return data

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
            if fields.get("encoder") is not None:
                fields["encoder"] = EncoderSpec(**fields["encoder"])
            if fields.get("refine") is not None:
                refine = dict(fields["refine"])
                for name in ("context", "down"):
                    refine[name] = [StageSpec(**stage) for stage in refine[name]]
                fields["refine"] = RefineSpec(**refine)
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a RIFE spec: {error}; it must be what to_dict gives") from error
