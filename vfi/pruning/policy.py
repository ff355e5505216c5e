"""Policies: from scores to a plan."""

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from vfi.models import RIFE
from vfi.pruning.channels import channel_groups
from vfi.pruning.groups import ChannelGroups
from vfi.pruning.importance import L1, Batch, Importance, Scores, Taylor
from vfi.pruning.macs import channel_macs
from vfi.pruning.plan import PruningPlan
from vfi.pruning.selection import Selection, best_channels, check_ratio


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

    def threshold(self, scores: Scores) -> float:
        """The least score that stays."""
        ascending = torch.cat(list(scores.values())).sort().values
        return float(ascending[min(round(self.ratio * len(ascending)), len(ascending) - 1)])

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
        for pattern, ratio in self.ratios.items():
            check_ratio(f"ratios[{pattern!r}]", ratio)
        if self.scope not in ("layer", "network"):
            raise ValueError(f"scope is {self.scope!r}; it must be 'layer' or 'network'")
        _ = self.selection  # checks the rest

    @property
    def selection(self) -> Selection:
        """What may be pruned, and how far."""
        return Selection(
            self.protect, self.protect_first, self.max_ratio, self.min_channels, self.multiple
        )

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan:
        self._rules(channel_groups(network.spec))  # bad options are told before the long part
        return self.plan(network, self.importance(network, batches))

    def plan(self, network: RIFE, scores: Scores) -> PruningPlan:
        """The plan for scores that are known already.

        Raises:
            ValueError: if a pattern matches nothing, ``min_channels`` is above a width, or
                ``ratio`` is out of reach.
        """
        groups = channel_groups(network.spec)
        rules = self._rules(groups)
        own = _own_widths(rules, scores)
        widths = groups.widths | own
        if self.ratio is not None:
            shared = {name: allowed for name, allowed in rules.allowed.items() if name not in own}
            costs = channel_macs(network) if self.per_mac else dict.fromkeys(shared, 1)
            steps = self._steps(shared, scores, costs)
            widths = _narrowed(widths, steps, self.ratio, groups.total, self.multiple)
        return PruningPlan(network.spec, best_channels(scores, widths), rules.protected)

    def _rules(self, groups: ChannelGroups) -> "_Rules":
        """What the patterns mean in this network."""
        return _Rules(
            widths=groups.widths,
            protected=self.selection.protected(groups),
            allowed=self.selection.allowed(groups),
            ratios={n: r for pattern, r in self.ratios.items() for n in groups.matching(pattern)},
            thresholds={
                n: t for pattern, t in self.thresholds.items() for n in groups.matching(pattern)
            },
        )

    def _steps(
        self, shared: Mapping[str, Sequence[int]], scores: Scores, costs: Mapping[str, float]
    ) -> list[tuple[str, int]]:
        """Every (group, next narrower width), cheapest first; a group's own come in order."""
        steps = []
        for name, allowed in shared.items():
            width, ascending = allowed[0], scores[name].sort().values
            for wide, narrow in itertools.pairwise(allowed):
                if self.scope == "layer":
                    loss = -(wide + narrow) / width  # groups become narrow together
                else:
                    lost = ascending[width - wide : width - narrow]
                    loss = float(lost.mean()) / costs[name]
                steps.append((loss, name, narrow))
        return [(name, narrow) for _, name, narrow in sorted(steps, key=lambda step: step[0])]


@dataclass(frozen=True)
class _Rules:
    """The options of `ArchitectureAware`, group by group.

    Attributes:
        widths: channels of every group.
        protected: groups that stay whole, and why.
        allowed: widths of the others, widest first.
        ratios: fractions to remove of groups that have one of their own.
        thresholds: scores below which channels go, likewise.
    """

    widths: Mapping[str, int]
    protected: Mapping[str, str]
    allowed: Mapping[str, Sequence[int]]
    ratios: Mapping[str, float]
    thresholds: Mapping[str, float]


def _own_widths(rules: _Rules, scores: Scores) -> dict[str, int]:
    """Widths of the groups that have a threshold or ratio of their own; a ratio counts more."""
    wanted = {name: float((scores[name] >= t).sum()) for name, t in rules.thresholds.items()}
    wanted |= {name: rules.widths[name] * (1 - ratio) for name, ratio in rules.ratios.items()}
    return {
        name: min(rules.allowed[name], key=lambda width: abs(width - goal))
        for name, goal in wanted.items()
        if name in rules.allowed
    }


def _narrowed(
    widths: Mapping[str, int],
    steps: Iterable[tuple[str, int]],
    ratio: float,
    total: int,
    multiple: int,
) -> dict[str, int]:
    """``widths``, narrowed by the first steps until the overall ratio is as near as it gets.

    Raises:
        ValueError: if it is not near.
    """
    widths = dict(widths)
    excess = sum(widths.values()) - (1 - ratio) * total
    for name, narrow in steps:
        removed = widths[name] - narrow
        if removed / 2 >= excess:  # it would lead further away than it helps
            break
        widths[name] = narrow
        excess -= removed
    if abs(excess) > multiple:
        raise ValueError(
            f"ratio is {ratio}, but the protected groups, the smallest widths and the ratios and "
            f"thresholds of single groups make it {1 - sum(widths.values()) / total:.3f}; ask for "
            "that or loosen them"
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
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return value
