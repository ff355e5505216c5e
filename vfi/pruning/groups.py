"""What a channel group is.

A group is a set of channels that exist once in the network's arithmetic, however many modules touch
them: the convolutions that produce them (more than one where a sum ties them together) and the
convolutions that read them (each at its offset in a concatenation). Removing channel ``c`` of a
group means removing output ``c`` of every producer and input ``offset + c`` of every consumer.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Consumer:
    """A convolution that reads a group, and where the group starts among its input channels."""

    conv: str
    offset: int = 0


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that live and die together.

    Attributes:
        name: what people call it, such as ``block0.trunk`` or ``unet.down1.out``.
        stage: the part of the network: ``encode``, ``block0``, ``block1``, ..., ``context`` or
            ``unet``.
        width: the number of channels.
        path: where the spec holds that number.
        producers: names of the convolutions that put the channels out, each followed by an
            activation.
        consumers: the convolutions that read them.
        signals: what the producer reads if it reads images, flow or masks rather than features.
        per_channel: names of the other parameters with one value a channel: PReLUs' slopes and the
            factors of residual convolutions.
    """

    name: str
    stage: str
    width: int
    path: Path
    producers: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    signals: str = ""
    per_channel: tuple[str, ...] = ()

    @property
    def protection(self) -> str:
        """Why this group is protected by default; empty if it is not."""
        return f"first convolution: it reads {self.signals}" if self.signals else ""


@dataclass(frozen=True)
class ChannelGroups(Mapping[str, ChannelGroup]):
    """The channel groups of a network by name, in the order of computation.

    Attributes:
        groups: all of them.
    """

    groups: tuple[ChannelGroup, ...]

    @cached_property
    def _by_name(self) -> dict[str, ChannelGroup]:
        return {group.name: group for group in self.groups}

    def __getitem__(self, name: str) -> ChannelGroup:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def total(self) -> int:
        """How many channels there are to prune."""
        return sum(group.width for group in self.groups)

    @property
    def widths(self) -> dict[str, int]:
        """The channels of every group."""
        return {group.name: group.width for group in self.groups}

    @property
    def producers(self) -> dict[str, str]:
        """Every convolution that puts out a group's channels -> that group."""
        return {producer: group.name for group in self.groups for producer in group.producers}

    def known(self, name: str) -> ChannelGroup:
        """The group of that name.

        Raises:
            ValueError: if there is none; the message lists the names.
        """
        if name not in self:
            raise ValueError(f"unknown channel group {name!r}; the groups are {', '.join(self)}")
        return self[name]

    def matching(self, pattern: str) -> list[str]:
        """Names of the groups that ``pattern`` means: shell-style, or a part as ``unet.down1``.

        Raises:
            ValueError: if it matches nothing; the message lists the names.
        """
        names = [n for n in self if n.startswith(f"{pattern}.") or fnmatch.fnmatchcase(n, pattern)]
        if not names:
            raise ValueError(
                f"pattern {pattern!r} matches no channel group; the groups are {', '.join(self)}"
            )
        return names
