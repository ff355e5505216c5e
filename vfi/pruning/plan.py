"""A pruning plan: which channels of which network stay."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from vfi.models import RIFE, RIFESpec
from vfi.pruning.channels import channel_groups, with_widths
from vfi.pruning.groups import ChannelGroups
from vfi.schema import check_record

_PLAN = {"spec": dict, "keep": {str: [int]}, "protected?": {str: str}}


@dataclass(frozen=True)
class PruningPlan:
    """Which channels stay, for one network shape.

    Attributes:
        spec: the network it was made for. The teacher block, which has no groups, is left out, so
            that one plan serves the network with and without it.
        keep: group -> the kept channels' indices, ascending. Groups left out are kept whole. A
            group may be emptied: a mask zeroes all of it, and compaction leaves one zeroed channel,
            since a convolution needs one.
        protected: group -> why the policy did not touch it.
    """

    spec: RIFESpec
    keep: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    protected: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec = self.spec.for_inference()
        groups = channel_groups(spec)
        for name in (*self.keep, *self.protected):
            groups.known(name)
        keep = {
            name: _checked(name, self.keep[name], group.width)
            if name in self.keep
            else tuple(range(group.width))
            for name, group in groups.items()
        }
        object.__setattr__(self, "spec", spec)
        object.__setattr__(self, "keep", keep)
        object.__setattr__(self, "protected", dict(self.protected))

    @property
    def groups(self) -> ChannelGroups:
        """The channel groups of the network that it was made for."""
        return channel_groups(self.spec)

    @property
    def widths(self) -> dict[str, int]:
        """Kept channels of every group."""
        return {name: len(kept) for name, kept in self.keep.items()}

    @cached_property
    def removed(self) -> dict[str, tuple[int, ...]]:
        """The channels that go, for the groups that lose any."""
        removed = {
            name: tuple(sorted(set(range(self.groups[name].width)).difference(kept)))
            for name, kept in self.keep.items()
        }
        return {name: channels for name, channels in removed.items() if channels}

    @property
    def ratio(self) -> float:
        """The overall channel ratio: removed channels over all channels of all groups.

        All policies are compared by this number; protected groups count as channels too.
        """
        return 1 - sum(self.widths.values()) / self.groups.total

    @property
    def emptied(self) -> tuple[str, ...]:
        """Groups that lose every channel: what reads them then only sees its own bias."""
        return tuple(name for name, kept in self.keep.items() if not kept)

    @property
    def compact_spec(self) -> RIFESpec:
        """The shape of the compact network."""
        return self.narrow(self.spec)

    @cached_property
    def parameters(self) -> tuple[int, int]:
        """Parameters of the inference network, before and after compaction."""
        return _parameters(self.spec), _parameters(self.compact_spec)

    def narrow(self, spec: RIFESpec) -> RIFESpec:
        """``spec``, which may have a teacher, with the widths of this plan.

        Raises:
            ValueError: if the plan was made for another network.
        """
        self.check(spec)
        return with_widths(spec, {name: max(1, width) for name, width in self.widths.items()})

    def check(self, spec: RIFESpec) -> None:
        """Makes sure that the plan fits a network; how it runs (`RIFESpec.plain`) is all the same.

        Raises:
            ValueError: if it was made for another variant or for other widths.
        """
        spec = spec.for_inference()
        if spec.plain() == self.spec.plain():
            return
        if spec.variant != self.spec.variant:
            raise ValueError(
                f"the plan was made for {self.spec.variant!r}, the network is {spec.variant!r}; "
                "make a plan for this network"
            )
        if (spec.refine is None) != (self.spec.refine is None):
            has = "without" if spec.refine is None else "with"
            raise ValueError(
                f"the plan was made for another spec: the network is {has} the refine stage; "
                "make a plan for this network"
            )
        ours, theirs = self.groups, channel_groups(spec)
        differing = [n for n in ours if n not in theirs or ours[n].width != theirs[n].width]
        name = differing[0] if differing else None
        detail = (
            f"{name} has {ours[name].width} channels in the plan and "
            f"{theirs[name].width if name in theirs else 'none'} in the network"
            if name
            else "their inputs or scales differ"
        )
        raise ValueError(
            f"the plan was made for another spec of {spec.variant!r}: {detail}; "
            "make a plan for this network"
        )

    def then(self, other: "PruningPlan") -> "PruningPlan":
        """The plan that does both: this one, then ``other``, made for the compact network.

        Raises:
            ValueError: if ``other`` was made for another network.
        """
        other.check(self.compact_spec)
        # The channel that stands in for an emptied group (see `keep`) has no index in this plan.
        keep = {
            name: tuple(kept[c] for c in other.keep[name] if c < len(kept))
            for name, kept in self.keep.items()
        }
        return PruningPlan(self.spec, keep, other.protected)

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain dictionaries, lists and numbers."""
        return {
            "spec": self.spec.to_dict(),
            "keep": {name: list(kept) for name, kept in self.keep.items()},
            "protected": dict(self.protected),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PruningPlan":
        """The inverse of `to_dict`.

        Raises:
            ValueError: if a field is missing, unknown or does not fit the spec.
        """
        try:
            try:
                check_record(data, _PLAN)
            except ValueError as error:
                raise TypeError(error) from error
            fields = dict(data)
            fields["spec"] = RIFESpec.from_dict(fields["spec"])
            fields["keep"] = {name: tuple(kept) for name, kept in fields["keep"].items()}
            return cls(**fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"not a pruning plan: {error}; it must be what to_dict gives"
            ) from error

    def to_json(self) -> str:
        """The plan as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "PruningPlan":
        """The inverse of `to_json`.

        Raises:
            ValueError: if the text is no JSON or no plan.
        """
        try:
            data = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(
                f"not a pruning plan: {error}; it must be what to_json gives"
            ) from error
        return cls.from_dict(data)


def _checked(name: str, kept: tuple[int, ...], width: int) -> tuple[int, ...]:
    kept = tuple(kept)
    bad = [c for c in kept if type(c) is not int or not 0 <= c < width]  # True is no channel
    if bad:
        raise ValueError(f"{name} keeps channels {bad}; it only has channels 0 to {width - 1}")
    if any(a >= b for a, b in itertools.pairwise(kept)):
        raise ValueError(f"{name} keeps channels {list(kept)}; they must be ascending, none twice")
    return kept


def _parameters(spec: RIFESpec) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in RIFE(spec).parameters())
