"""The channel groups of the RIFE family: which channels can be removed, and what goes with them.

A group is a set of channels that exist once in the network's arithmetic, however many modules touch
them: the convolutions that produce them (more than one where a sum ties them together) and the
convolutions that read them (each at its offset in a concatenation). Removing channel ``c`` of a
group means removing output ``c`` of every producer and input ``offset + c`` of every consumer.

The groups are declared from the spec rather than traced: recurrent warps give a dependency tracer a
path explosion on these networks.
"""

import dataclasses
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from torch import Tensor, nn

from vfi.models import BlockSpec, RefineSpec, RIFESpec

Conv = nn.Conv2d | nn.ConvTranspose2d
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
        stage: the part of the network: ``block0``, ``block1``, ..., ``context`` or ``unet``.
        width: the number of channels.
        path: where the spec holds that number.
        producers: names of the convolutions that put the channels out, each followed by a PReLU.
        consumers: the convolutions that read them.
        signals: what the producer reads if it reads images, flow or masks rather than features.
    """

    name: str
    stage: str
    width: int
    path: Path
    producers: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    signals: str = ""

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of the PReLUs that follow the producers, in the same order."""
        return tuple(f"{producer.rpartition('.')[0]}.1" for producer in self.producers)

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


@lru_cache(maxsize=16)
def channel_groups(spec: RIFESpec) -> ChannelGroups:
    """All groups of the network ``RIFE(spec)``, made once.

    The teacher block has none: it is dropped after training, so nothing is won by pruning it, and
    it reads only images, flow and masks, so it does not change when the rest is pruned.
    """
    groups: list[ChannelGroup] = []
    for index, block in enumerate(spec.blocks):
        groups += _block_groups(index, block)
    if spec.refine is not None:
        groups += [*_context_groups(spec.refine), *_unet_groups(spec.refine)]
    return ChannelGroups(tuple(groups))


def fixed_layers(spec: RIFESpec) -> dict[str, str]:
    """Convolutions whose output channels are never pruned, by module name, and why."""
    layers = {
        f"block{index}.lastconv": "writes the flow and the mask"
        for index in range(len(spec.blocks))
    }
    if spec.refine is not None:
        layers["unet.conv"] = "writes the correction of the frame"
    if spec.teacher is not None:
        last = len(spec.teacher.hidden)
        names = ["conv0.0.0", "conv0.1.0", *(f"convblock.{k}.0" for k in range(last + 1))]
        for name in (*names, "lastconv"):
            layers[f"block_tea.{name}"] = "belongs to the teacher, which only training uses"
    return layers


def with_widths(spec: RIFESpec, widths: Mapping[str, int]) -> RIFESpec:
    """A copy of ``spec`` with the widths of some groups changed.

    Raises:
        ValueError: if a group is unknown or a width is below 1.
    """
    groups = channel_groups(spec)
    for name, width in widths.items():
        spec = _replaced(spec, groups.known(name).path, width)
    return spec


def conv_of(network: nn.Module, name: str) -> Conv:
    """The convolution of that name.

    Raises:
        ValueError: if what has the name is none.
    """
    module = network.get_submodule(name)
    if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        raise ValueError(f"{name} is a {type(module).__name__}; it must be a convolution")
    return module


def bias_of(conv: Conv) -> Tensor:
    """The bias, which every convolution of the family has.

    Raises:
        ValueError: if this one has none.
    """
    if conv.bias is None:
        raise ValueError(f"{conv} has no bias; networks are pruned and repaired with theirs")
    return conv.bias


def output_dim(conv: Conv) -> int:
    """The dimension of ``conv.weight`` that counts output channels; the other of 0, 1 is inputs."""
    return 1 if isinstance(conv, nn.ConvTranspose2d) else 0


def _block_groups(index: int, spec: BlockSpec) -> Iterator[ChannelGroup]:
    stage, path = f"block{index}", ("blocks", index)
    convs = [f"{stage}.convblock.{k}.0" for k in range(len(spec.hidden) + 1)]
    stem, entry = f"{stage}.conv0.0.0", f"{stage}.conv0.1.0"
    signals = "frames, flow and mask" if index else "frames"
    yield ChannelGroup(
        f"{stage}.stem", stage, spec.stem, (*path, "stem"), (stem,), (Consumer(entry),), signals
    )
    yield ChannelGroup(
        f"{stage}.trunk",
        stage,
        spec.trunk,
        (*path, "trunk"),
        (entry, convs[-1]),  # tied by the residual sum
        (Consumer(convs[0]), Consumer(f"{stage}.lastconv")),
    )
    for k, width in enumerate(spec.hidden):
        yield ChannelGroup(
            f"{stage}.hidden{k}",
            stage,
            width,
            (*path, "hidden", k),
            (convs[k],),
            (Consumer(convs[k + 1]),),
        )


def _stage_group(
    name: str, part: str, width: int, path: Path, consumers: Iterable[Consumer], signals: str = ""
) -> ChannelGroup:
    """The inner or out group of a `Stage` called ``name`` among the groups."""
    stage = name.partition(".")[0]
    module = name.replace("context.", "contextnet.")
    producer = f"{module}.conv{1 if part == 'inner' else 2}.0"
    return ChannelGroup(
        f"{name}.{part}", stage, width, path, (producer,), tuple(consumers), signals
    )


def _context_groups(spec: RefineSpec) -> Iterator[ChannelGroup]:
    for k, stage in enumerate(spec.context):
        name, path = f"context.conv{k + 1}", ("refine", "context", k)
        inner = [Consumer(f"contextnet.conv{k + 1}.conv2.0")]
        yield _stage_group(
            name, "inner", stage.inner, (*path, "inner"), inner, "" if k else "a frame"
        )
        last = k == len(spec.context) - 1
        reader = "unet.up0.0" if last else f"unet.down{k + 1}.conv1.0"
        skip = spec.down[k].out  # the concatenation is (encoder, frame 0's context, frame 1's)
        consumers = [Consumer(reader, skip), Consumer(reader, skip + stage.out)]
        if not last:
            consumers.insert(0, Consumer(f"contextnet.conv{k + 2}.conv1.0"))
        yield _stage_group(name, "out", stage.out, (*path, "out"), consumers)


def _unet_groups(spec: RefineSpec) -> Iterator[ChannelGroup]:
    deepest = len(spec.down) - 1
    for k, stage in enumerate(spec.down):
        name, path = f"unet.down{k}", ("refine", "down", k)
        signals = "" if k else "frames, flow and mask"
        inner = [Consumer(f"{name}.conv2.0")]
        yield _stage_group(name, "inner", stage.inner, (*path, "inner"), inner, signals)
        if k == deepest:
            consumers = [Consumer("unet.up0.0")]
        else:
            skip = Consumer(f"unet.up{deepest - k}.0", spec.up[deepest - k - 1])
            consumers = [Consumer(f"unet.down{k + 1}.conv1.0"), skip]
        yield _stage_group(name, "out", stage.out, (*path, "out"), consumers)
    for k, width in enumerate(spec.up):
        reader = "unet.conv" if k == len(spec.up) - 1 else f"unet.up{k + 1}.0"
        yield ChannelGroup(
            f"unet.up{k}",
            "unet",
            width,
            ("refine", "up", k),
            (f"unet.up{k}.0",),
            (Consumer(reader),),
        )


def _replaced(node: Any, path: Path, value: int) -> Any:
    """``node`` with the value at ``path`` changed, rebuilding the frozen parts on the way."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        return (*node[:key], _replaced(node[key], rest, value), *node[key + 1 :])
    return dataclasses.replace(node, **{key: _replaced(getattr(node, key), rest, value)})
