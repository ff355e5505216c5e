"""Policies: from scores to a plan."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from vfi.models import RIFE
from vfi.pruning.channels import ChannelGroup, channel_groups, matching, total_channels
from vfi.pruning.importance import L1, Batch, Importance, Scores
from vfi.pruning.plan import PruningPlan


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
        scores = self.importance(network, batches)
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
    ``ratio`` as rounding permits. Patterns are shell-style over group names (``*.stem``) or a stage
    (``block0``, ``context``, ``unet``); of several that match a group the last counts.

    Attributes:
        ratio: the overall channel ratio to remove, in [0, 1).
        importance: ranks the channels.
        scope: ``layer`` removes the same fraction of every shared group; ``network`` removes the
            least important channels of all of them, which asks for scores that compare.
        protect: patterns of groups to leave whole.
        protect_first: whether the first convolutions, which read frames, flow and masks, are too.
        ratios: pattern -> fraction of the group to remove, in [0, 1).
        thresholds: pattern -> score below which channels go.
        min_channels: no group gets narrower.
        multiple: widths are rounded to multiples of this; others run slowly.
    """

    ratio: float
    importance: Importance = field(default_factory=L1)
    scope: Literal["layer", "network"] = "layer"
    protect: tuple[str, ...] = ()
    protect_first: bool = True
    ratios: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    min_channels: int = 8
    multiple: int = 8

    def __post_init__(self) -> None:
        check_ratio("ratio", self.ratio)
        for pattern, ratio in self.ratios.items():
            check_ratio(f"ratios[{pattern!r}]", ratio)
        for name in ("min_channels", "multiple"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.scope not in ("layer", "network"):
            raise ValueError(f"scope is {self.scope!r}; it must be 'layer' or 'network'")

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan:
        groups = channel_groups(network.spec)
        protected = self._protected(groups)
        free = {name: group for name, group in groups.items() if name not in protected}
        self._check_minimum(free)
        scores = self.importance(network, batches)
        widths = {name: group.width for name, group in groups.items()}
        widths |= self._explicit(groups, free, scores)
        shared = {name: scores[name] for name in free if name not in self._named(groups)}
        target = (1 - self.ratio) * total_channels(groups.values())
        fixed = sum(width for name, width in widths.items() if name not in shared)
        widths |= self._share(shared, target - fixed)
        return PruningPlan(network.spec, best_channels(scores, widths), protected)

    def _protected(self, groups: Mapping[str, ChannelGroup]) -> dict[str, str]:
        reasons = {
            n: g.protection for n, g in groups.items() if g.protection and self.protect_first
        }
        for pattern in self.protect:
            for name in matching(groups, pattern):
                reasons.setdefault(name, f"protected by the pattern {pattern!r}")
        return {name: reasons[name] for name in groups if name in reasons}

    def _check_minimum(self, free: Mapping[str, ChannelGroup]) -> None:
        for name, group in free.items():
            if group.width < self.min_channels:
                raise ValueError(
                    f"min_channels is {self.min_channels}, but {name} has only {group.width} "
                    "channels; lower it or protect that group"
                )

    def _named(self, groups: Mapping[str, ChannelGroup]) -> dict[str, tuple[str, float]]:
        """Groups with a ratio or threshold of their own: which of the two, and its value."""
        return {
            name: (kind, value)
            for kind, patterns in (("threshold", self.thresholds), ("ratio", self.ratios))
            for pattern, value in patterns.items()
            for name in matching(groups, pattern)
        }

    def _explicit(
        self,
        groups: Mapping[str, ChannelGroup],
        free: Mapping[str, ChannelGroup],
        scores: Scores,
    ) -> dict[str, int]:
        widths = {}
        for name, (kind, value) in self._named(groups).items():
            if name not in free:
                continue
            width = free[name].width
            wanted = width * (1 - value) if kind == "ratio" else int((scores[name] >= value).sum())
            choices = self._widths(width)
            widths[name] = min(choices, key=lambda choice: abs(choice - wanted))
        return widths

    def _widths(self, width: int) -> list[int]:
        """Widths that a group may have, widest first."""
        multiples = range(width // self.multiple * self.multiple, 0, -self.multiple)
        return [width, *(w for w in multiples if self.min_channels <= w < width)]

    def _share(self, scores: Scores, target: float) -> dict[str, int]:
        """Narrows groups step by step, cheapest step first, until they keep ``target`` channels."""
        steps = []
        for name, score in scores.items():
            ascending = score.sort().values
            width = len(score)
            for wide, narrow in zip(self._widths(width), self._widths(width)[1:], strict=False):
                cost = self._step_cost(ascending, width - wide, width - narrow)
                steps.append((cost, name, narrow, wide - narrow))
        widths = {name: len(score) for name, score in scores.items()}
        excess = sum(widths.values()) - target
        for _, name, narrow, removed in sorted(steps, key=lambda step: step[0]):
            if removed / 2 < excess:  # else the step would lead further away than it helps
                widths[name] = narrow
                excess -= removed
            else:
                break
        return widths

    def _step_cost(self, ascending: Tensor, first: int, last: int) -> float:
        """The cost of removing the channels ranked ``first`` to ``last`` of a group."""
        if self.scope == "network":
            return float(ascending[first:last].mean())
        return (first + last) / 2 / len(ascending)


def best_channels(scores: Scores, widths: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """The highest-scored channels of each group, as many as ``widths`` says, ascending."""
    return {
        name: tuple(sorted(score.argsort(descending=True, stable=True)[: widths[name]].tolist()))
        for name, score in scores.items()
    }


def check_ratio(name: str, ratio: float) -> None:
    """Makes sure that a sparsity makes sense.

    Raises:
        ValueError: if it is outside [0, 1).
    """
    if not 0 <= ratio < 1:
        raise ValueError(f"{name} is {ratio}; a sparsity must be at least 0 and below 1")
