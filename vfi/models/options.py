"""Changes to a network that need no other weights: what a checkpoint holds is run another way."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vfi.models.parts import BlockSpec
from vfi.models.spec import RIFESpec


@dataclass(frozen=True)
class Options:
    """What to change of a spec; None leaves a field as it is.

    All but ``refine`` and ``warp_at_scale`` cost quality until the network is trained further.

    Attributes:
        refine: keep the refine stage, if there is one.
        refine_scale: see `RefineSpec`.
        warp_at_scale: see `RIFESpec`.
        finest_scale: likewise.
        blocks: indices of the blocks to keep, ascending. The first one, which alone needs no flow,
            must be among them.
        scales: at which each of the blocks that are kept reads.
    """

    refine: bool = True
    refine_scale: int | None = None
    warp_at_scale: bool | None = None
    finest_scale: int | None = None
    blocks: tuple[int, ...] | None = None
    scales: tuple[int, ...] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Options":
        """Options by name.

        Raises:
            ValueError: if there is none of a name.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(data) - set(names))
        if unknown:
            raise ValueError(f"unknown options {unknown}; the options are {names}")
        return cls(**data)

    def apply(self, spec: RIFESpec) -> RIFESpec:
        """``spec``, changed.

        Raises:
            ValueError: if it cannot be changed like that.
        """
        if not isinstance(self.refine, bool):
            raise ValueError(f"refine is {self.refine!r}; it must be true or false")
        changes: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("warp_at_scale", "finest_scale")
            if getattr(self, name) is not None
        }
        if not self.refine:
            changes["refine"] = None
        if self.refine_scale is not None:
            if not self.refine or spec.refine is None:
                raise ValueError(
                    f"refine_scale is {self.refine_scale}, but there is no refine stage: leave it "
                    "out"
                )
            changes["refine"] = replace(spec.refine, scale=self.refine_scale)
        if self.blocks is not None or self.scales is not None:
            changes["blocks"] = self._rescaled(tuple(spec.blocks[i] for i in self._kept(spec)))
        return spec.replace(**changes)

    def original(self, name: str) -> str:
        """The name that a tensor of the changed network has in the unchanged one."""
        part, dot, rest = name.partition(".")
        index = part.removeprefix("block")
        if self.blocks is None or not index.isdecimal():
            return name
        return f"block{self.blocks[int(index)]}{dot}{rest}"

    def _kept(self, spec: RIFESpec) -> tuple[int, ...]:
        count = len(spec.blocks)
        kept = tuple(range(count) if self.blocks is None else self.blocks)
        if not kept or kept[0] != 0 or kept != tuple(sorted(set(kept) & set(range(count)))):
            raise ValueError(
                f"blocks is {list(kept)}; give the indices of the blocks to keep, ascending from "
                f"0, of 0 to {count - 1}"
            )
        return kept

    def _rescaled(self, blocks: tuple[BlockSpec, ...]) -> tuple[BlockSpec, ...]:
        if self.scales is None:
            return blocks
        if len(self.scales) != len(blocks):
            raise ValueError(
                f"scales is {list(self.scales)}; give one for each of the {len(blocks)} blocks"
            )
        return tuple(map(lambda block, scale: replace(block, scale=scale), blocks, self.scales))
