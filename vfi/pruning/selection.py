"""Which groups a policy may touch, and to which widths."""

from collections.abc import Mapping
from dataclasses import dataclass

from vfi.pruning.groups import ChannelGroups
from vfi.pruning.importance import Scores


@dataclass(frozen=True)
class Selection:
    """What may be pruned, and how far.

    Attributes:
        protect: patterns of groups to leave whole.
        protect_first: whether the first convolutions, which read frames, flow and masks, are too.
        max_ratio: no group loses a larger fraction.
        min_channels: no group gets narrower.
        multiple: widths are rounded to multiples of this.
    """

    protect: tuple[str, ...] = ()
    protect_first: bool = True
    max_ratio: float = 0.9
    min_channels: int = 8
    multiple: int = 8

    def __post_init__(self) -> None:
        check_ratio("max_ratio", self.max_ratio)
        for name in ("min_channels", "multiple"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def protected(self, groups: ChannelGroups) -> dict[str, str]:
        """The groups that stay whole, and why.

        Raises:
            ValueError: if a pattern matches nothing.
        """
        reasons = {}
        if self.protect_first:
            reasons = {n: group.protection for n, group in groups.items() if group.protection}
        for pattern in self.protect:
            for name in groups.matching(pattern):
                reasons.setdefault(name, f"protected by the pattern {pattern!r}")
        return {name: reasons[name] for name in groups if name in reasons}

    def allowed(self, groups: ChannelGroups) -> dict[str, list[int]]:
        """The groups that may be narrowed, and the widths that each may have, widest first.

        Raises:
            ValueError: if a pattern matches nothing, or a group is narrower than ``min_channels``
                to begin with.
        """
        protected = self.protected(groups)
        free = [group for name, group in groups.items() if name not in protected]
        for group in free:
            if group.width < self.min_channels:
                raise ValueError(
                    f"min_channels is {self.min_channels}, but {group.name} has only {group.width} "
                    "channels; lower it or protect that group"
                )
        return {group.name: self._widths(group.width) for group in free}

    def _widths(self, width: int) -> list[int]:
        floor = max(self.min_channels, width * (1 - self.max_ratio))
        multiples = range(width // self.multiple * self.multiple, 0, -self.multiple)
        return [width, *(narrow for narrow in multiples if floor <= narrow < width)]


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
