"""Policies: from scores to a plan."""

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from vfi.models import RIFE
from vfi.pruning.channels import ChannelGroup, channel_groups, matching, total_channels
from vfi.pruning.importance import L1, Batch, Importance, Scores, Taylor
from vfi.pruning.macs import channel_macs
from vfi.pruning.plan import PruningPlan
from vfi.pruning.widths import (
    allowed_widths,
    best_channels,
    check_ratio,
    free_groups,
    protected_groups,
)


class Policy(ABC):
    """Chooses the channels that stay; ``batches`` calibrate importances that need them."""

    @abstractmethod
    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan: ...


@dataclass(frozen=True)
class GlobalThreshold(Policy):
    """One threshold over all channels of all layers, and no protection: the diagnosis.

    Nothing keeps it from emptying a layer.

    Attributes:
        ratio: the overall channel ratio to remove, in [0, 1).
        importance: the naive default compares raw L1 sums across layers.
    """

    ratio: float
    importance: Importance = field(default_factory=lambda: L1(normalize="none"))

    def __post_init__(self) -> None:
        check_ratio("ratio", self.ratio)

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan:
        return self.plan(network, self.importance(network, batches))

    def plan(self, network: RIFE, scores: Scores) -> PruningPlan:
        """The plan for scores that are known already."""
        ranked = torch.cat(list(scores.values())).argsort(stable=True)
        stays = torch.ones(len(ranked), dtype=torch.bool)
        stays[ranked[: round(self.ratio * len(ranked))]] = False
        parts = stays.split([len(score) for score in scores.values()])
        keep = {
            name: tuple(part.nonzero().flatten().tolist())
            for name, part in zip(scores, parts, strict=True)
        }
        return PruningPlan(network.spec, keep)


@dataclass(frozen=True)
class ArchitectureAware(Policy):
    """Prunes what the architecture can spare, to widths that run fast.

    Groups named in ``ratios`` or ``thresholds`` follow them; protected groups stay whole; all
    others share what is left to remove, so that the overall channel ratio comes out as near
    ``ratio`` as rounding permits. Patterns are shell-style over group names (``*.stem``) or name a
    part (``block0``, ``context``, ``unet.down1``); of several that match a group the last counts.

    The defaults come from one-shot comparisons on training clips. Within a layer of a trained RIFE
    the L1 norm says next to nothing about what a channel is worth, so `Taylor` ranks; layers differ
    by orders of magnitude, in worth and in cost, so they compete.

    Attributes:
        ratio: the overall channel ratio to remove, in [0, 1); None leaves groups without a ratio or
            threshold of their own whole.
        importance: ranks the channels.
        scope: ``network`` removes the least important channels of all shared groups, which asks for
            scores that compare across layers; ``layer`` removes the same fraction of every group,
            which is all that normalised norms of weights are good for.
        per_mac: whether ``network`` weighs importance lost against multiply-accumulates saved.
        protect: patterns of groups to leave whole.
        protect_first: whether the first convolutions, which read frames, flow and masks, are too.
        ratios: pattern -> fraction of the group to remove, in [0, 1).
        thresholds: pattern -> score below which channels go.
        max_ratio: no group loses a larger fraction: a stage that few calibration frames use, such
            as the coarsest block, is still there for larger motion.
        min_channels: no group gets narrower.
        multiple: widths are rounded to multiples of this; others run slowly.
    """

    ratio: float | None
    importance: Importance = field(default_factory=Taylor)
    scope: Literal["layer", "network"] = "network"
    per_mac: bool = True
    protect: tuple[str, ...] = ()
    protect_first: bool = True
    ratios: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    max_ratio: float = 0.9
    min_channels: int = 8
    multiple: int = 8

    def __post_init__(self) -> None:
        if self.ratio is not None:
            check_ratio("ratio", self.ratio)
        check_ratio("max_ratio", self.max_ratio)
        for pattern, ratio in self.ratios.items():
            check_ratio(f"ratios[{pattern!r}]", ratio)
        for name in ("min_channels", "multiple"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.scope not in ("layer", "network"):
            raise ValueError(f"scope is {self.scope!r}; it must be 'layer' or 'network'")

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan:
        self._free(channel_groups(network.spec))  # bad options are told before the long part
        return self.plan(network, self.importance(network, batches))

    def plan(self, network: RIFE, scores: Scores) -> PruningPlan:
        """The plan for scores that are known already.

        Raises:
            ValueError: if a pattern matches nothing, ``min_channels`` is above a width, or
                ``ratio`` is out of reach.
        """
        groups = channel_groups(network.spec)
        free = self._free(groups)
        own = self._own_widths(groups, free, scores)
        widths = {name: group.width for name, group in groups.items()} | own
        if self.ratio is not None:
            shared = {name: scores[name] for name in free if name not in own}
            costs = channel_macs(network) if self.scope == "network" and self.per_mac else {}
            widths = self._shared_widths(
                widths, self._steps(shared, costs), total_channels(groups.values())
            )
        return PruningPlan(network.spec, best_channels(scores, widths), self._protected(groups))

    def _protected(self, groups: Mapping[str, ChannelGroup]) -> dict[str, str]:
        return protected_groups(groups, self.protect, self.protect_first)

    def _free(self, groups: Mapping[str, ChannelGroup]) -> dict[str, ChannelGroup]:
        """The groups that may be narrowed."""
        for pattern in (*self.ratios, *self.thresholds):
            matching(groups, pattern)
        return free_groups(groups, self._protected(groups), self.min_channels)

    def _own_widths(
        self, groups: Mapping[str, ChannelGroup], free: Mapping[str, ChannelGroup], scores: Scores
    ) -> dict[str, int]:
        """Widths of the free groups that have a threshold or ratio of their own."""
        wanted: dict[str, float] = {}
        for pattern, threshold in self.thresholds.items():
            for name in matching(groups, pattern):
                wanted[name] = float((scores[name] >= threshold).sum())
        for pattern, ratio in self.ratios.items():
            for name in matching(groups, pattern):
                wanted[name] = groups[name].width * (1 - ratio)
        return {
            name: min(self._allowed(free[name].width), key=lambda width: abs(width - goal))
            for name, goal in wanted.items()
            if name in free
        }

    def _allowed(self, width: int) -> list[int]:
        """Widths that a group of ``width`` channels may have, widest first."""
        return allowed_widths(width, self.max_ratio, self.min_channels, self.multiple)

    def _steps(self, scores: Scores, costs: Mapping[str, float]) -> list[tuple[str, int]]:
        """Every (group, next narrower width), cheapest first; a group's own come in order."""
        steps = []
        for name, score in scores.items():
            width, ascending = len(score), score.sort().values
            for wide, narrow in itertools.pairwise(self._allowed(width)):
                if self.scope == "layer":
                    loss = 1 - (wide + narrow) / 2 / width
                else:
                    lost = ascending[width - wide : width - narrow]
                    loss = float(lost.mean()) / costs.get(name, 1)
                steps.append((loss, name, narrow))
        return [(name, narrow) for _, name, narrow in sorted(steps, key=lambda step: step[0])]

    def _shared_widths(
        self, widths: Mapping[str, int], steps: Iterable[tuple[str, int]], total: int
    ) -> dict[str, int]:
        """``widths``, narrowed by the first steps until the overall ratio is as near as it gets."""
        widths = dict(widths)
        excess = sum(widths.values()) - (1 - self.ratio) * total
        for name, narrow in steps:
            removed = widths[name] - narrow
            if removed / 2 >= excess:  # it would lead further away than it helps
                break
            widths[name] = narrow
            excess -= removed
        if abs(excess) > self.multiple:
            reached = 1 - sum(widths.values()) / total
            raise ValueError(
                f"ratio is {self.ratio}, but the protected groups, the smallest widths and the "
                f"ratios and thresholds of single groups make it {reached:.3f}; ask for that or "
                "loosen them"
            )
        return widths


def describe(value: Any) -> Any:
    """A policy, or a part of one, in the types of JSON: class names and settings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        settings = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__, **settings}
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, Callable):
        return getattr(value, "__qualname__", type(value).__name__)
    return value
