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
from typing import Any

from torch import nn

from vfi.models import BlockSpec, EncoderSpec, RefineSpec, RIFESpec

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


def channel_groups(spec: RIFESpec) -> dict[str, ChannelGroup]:
    """All groups of the network ``RIFE(spec)``, by name, in the order of computation.

    The teacher block has none: it is dropped after training, so nothing is won by pruning it, and
    it reads only images, flow and masks, so it does not change when the rest is pruned.
    """
    groups: list[ChannelGroup] = []
    if spec.encoder is not None:
        groups += _encoder_groups(spec.encoder)
    for index, block in enumerate(spec.blocks):
        groups += _block_groups(index, block)
    if spec.refine is not None:
        groups += [*_context_groups(spec.refine), *_unet_groups(spec.refine)]
    return {group.name: group for group in groups}


def fixed_layers(spec: RIFESpec) -> dict[str, str]:
    """Convolutions whose output channels are never pruned, by module name, and why."""
    layers = {}
    if spec.encoder is not None:
        layers[f"encode.cnn{len(spec.encoder.widths)}"] = "writes what is read beside the frame"
    for index, block in enumerate(spec.blocks):
        layers[_last(f"block{index}", block)] = "writes the flow and the mask"
    if spec.refine is not None:
        layers["unet.conv"] = "writes the correction of the frame"
    if spec.teacher is not None:
        stage = "block_tea"
        first = [f"{stage}.conv0.0.0", f"{stage}.conv0.1.0"]
        for name in (*first, *_chain(stage, spec.teacher), _last(stage, spec.teacher)):
            layers[name] = "belongs to the teacher, which only training uses"
    return layers


def with_widths(spec: RIFESpec, widths: Mapping[str, int]) -> RIFESpec:
    """A copy of ``spec`` with the widths of some groups changed.

    Raises:
        ValueError: if a group is unknown or a width is below 1.
    """
    groups = channel_groups(spec)
    for name, width in widths.items():
        spec = _replaced(spec, known_group(groups, name).path, width)
    return spec


def known_group(groups: Mapping[str, ChannelGroup], name: str) -> ChannelGroup:
    """The group of that name.

    Raises:
        ValueError: if there is none; the message lists the names.
    """
    if name not in groups:
        raise ValueError(f"unknown channel group {name!r}; the groups are {', '.join(groups)}")
    return groups[name]


def matching(groups: Mapping[str, ChannelGroup], pattern: str) -> list[str]:
    """Names of the groups that ``pattern`` means: shell-style, or a part such as ``unet.down1``.

    Raises:
        ValueError: if it matches nothing; the message lists the names.
    """
    names = [
        name
        for name in groups
        if name.startswith(f"{pattern}.") or fnmatch.fnmatchcase(name, pattern)
    ]
    if not names:
        raise ValueError(
            f"pattern {pattern!r} matches no channel group; the groups are {', '.join(groups)}"
        )
    return names


def output_dim(conv: nn.Module) -> int:
    """The dimension of ``conv.weight`` that counts output channels; the other of 0, 1 is inputs."""
    return 1 if isinstance(conv, nn.ConvTranspose2d) else 0


def total_channels(groups: Iterable[ChannelGroup]) -> int:
    """How many channels there are to prune."""
    return sum(group.width for group in groups)


def _chain(stage: str, spec: BlockSpec) -> list[str]:
    """The convolutions of a block's ``convblock``, in order."""
    if spec.residuals:
        return [f"{stage}.convblock.{k}.conv" for k in range(spec.residuals)]
    return [f"{stage}.convblock.{k}.0" for k in range(len(spec.hidden) + 1)]


def _last(stage: str, spec: BlockSpec) -> str:
    """A block's last convolution, which writes flow and mask."""
    return f"{stage}.lastconv.0" if spec.shuffle else f"{stage}.lastconv"


def _slopes(producers: Iterable[str], slope: float | None) -> tuple[str, ...]:
    """The parameters of the PReLUs behind convolutions that are number 0 of a pair."""
    if slope is not None:
        return ()
    return tuple(f"{producer.removesuffix('.0')}.1.weight" for producer in producers)


def _encoder_groups(spec: EncoderSpec) -> Iterator[ChannelGroup]:
    for k, width in enumerate(spec.widths):
        yield ChannelGroup(
            f"encode.cnn{k}",
            "encode",
            width,
            ("encoder", "widths", k),
            (f"encode.cnn{k}",),
            (Consumer(f"encode.cnn{k + 1}"),),
            "" if k else "a frame",
            () if spec.slope is not None else (f"encode.relu{k}.weight",),
        )


def _block_groups(index: int, spec: BlockSpec) -> Iterator[ChannelGroup]:
    stage, path = f"block{index}", ("blocks", index)
    stem, entry = f"{stage}.conv0.0.0", f"{stage}.conv0.1.0"
    yield ChannelGroup(
        f"{stage}.stem",
        stage,
        spec.stem,
        (*path, "stem"),
        (stem,),
        (Consumer(entry),),
        "frames, flow and mask" if index else "frames",
        _slopes([stem], spec.slope),
    )
    yield _trunk(stage, spec, (*path, "trunk"), entry)
    convs = _chain(stage, spec)
    for k, width in enumerate(spec.hidden):
        yield ChannelGroup(
            f"{stage}.hidden{k}",
            stage,
            width,
            (*path, "hidden", k),
            (convs[k],),
            (Consumer(convs[k + 1]),),
            per_channel=_slopes([convs[k]], spec.slope),
        )


def _trunk(stage: str, spec: BlockSpec, path: Path, entry: str) -> ChannelGroup:
    """The channels that residual sums tie together: around ``convblock``, or along all of it."""
    convs, last = _chain(stage, spec), _last(stage, spec)
    if not spec.residuals:
        producers, readers = (entry, convs[-1]), (convs[0], last)
        per_channel = _slopes(producers, spec.slope)
    else:
        producers, readers = (entry, *convs), (*convs, last)
        links = [conv.removesuffix(".conv") for conv in convs]
        per_channel = _slopes([entry], spec.slope) + tuple(f"{link}.beta" for link in links)
        if spec.slope is None:
            per_channel += tuple(f"{link}.relu.weight" for link in links)
    consumers = tuple(Consumer(reader) for reader in readers)
    return ChannelGroup(
        f"{stage}.trunk", stage, spec.trunk, path, producers, consumers, per_channel=per_channel
    )


def _stage_group(
    name: str, part: str, width: int, path: Path, consumers: Iterable[Consumer], signals: str = ""
) -> ChannelGroup:
    """The inner or out group of a `Stage` called ``name`` among the groups."""
    stage = name.partition(".")[0]
    module = name.replace("context.", "contextnet.")
    producer = f"{module}.conv{1 if part == 'inner' else 2}.0"
    slopes = _slopes([producer], None)
    return ChannelGroup(
        f"{name}.{part}", stage, width, path, (producer,), tuple(consumers), signals, slopes
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
            per_channel=(f"unet.up{k}.1.weight",),
        )


def _replaced(node: Any, path: Path, value: int) -> Any:
    """``node`` with the value at ``path`` changed, rebuilding the frozen parts on the way."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        return (*node[:key], _replaced(node[key], rest, value), *node[key + 1 :])
    return dataclasses.replace(node, **{key: _replaced(getattr(node, key), rest, value)})
