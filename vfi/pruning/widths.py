"""Which groups a policy may touch, and to which widths."""

from collections.abc import Iterable, Mapping

from vfi.pruning.channels import ChannelGroup, matching
from vfi.pruning.importance import Scores


def protected_groups(
    groups: Mapping[str, ChannelGroup], patterns: Iterable[str], protect_first: bool
) -> dict[str, str]:
    """The groups that stay whole, and why: those that patterns mean, and the first convolutions'.

    Raises:
        ValueError: if a pattern matches nothing.
    """
    reasons = {}
    if protect_first:
        reasons = {name: group.protection for name, group in groups.items() if group.protection}
    for pattern in patterns:
        for name in matching(groups, pattern):
            reasons.setdefault(name, f"protected by the pattern {pattern!r}")
    return {name: reasons[name] for name in groups if name in reasons}


def free_groups(
    groups: Mapping[str, ChannelGroup], protected: Mapping[str, str], min_channels: int
) -> dict[str, ChannelGroup]:
    """The groups that may be narrowed.

    Raises:
        ValueError: if one is narrower than ``min_channels`` to begin with.
    """
    free = {name: group for name, group in groups.items() if name not in protected}
    for name, group in free.items():
        if group.width < min_channels:
            raise ValueError(
                f"min_channels is {min_channels}, but {name} has only {group.width} "
                "channels; lower it or protect that group"
            )
    return free


def allowed_widths(width: int, max_ratio: float, min_channels: int, multiple: int) -> list[int]:
    """Widths that a group of ``width`` channels may have, widest first."""
    floor = max(min_channels, width * (1 - max_ratio))
    multiples = range(width // multiple * multiple, 0, -multiple)
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
