"""The channel groups of the RIFE family: which channels can be removed, and what goes with them.

The groups are declared from the spec rather than traced: recurrent warps give a dependency tracer a
path explosion on these networks.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from vfi.models import BlockSpec, EncoderSpec, RefineSpec, RIFESpec
from vfi.pruning.groups import ChannelGroup, ChannelGroups, Consumer, Path

Conv = nn.Conv2d | nn.ConvTranspose2d


@lru_cache(maxsize=16)
def channel_groups(spec: RIFESpec) -> ChannelGroups:
    """All groups of the network ``RIFE(spec)``, made once.

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
    return ChannelGroups(tuple(groups))


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
    convs = _chain(stage, spec)
    written, read = (convs, convs) if spec.residuals else (convs[-1:], convs[:1])
    per_channel = _slopes([entry] if spec.residuals else [entry, *written], spec.slope)
    if spec.residuals:
        links = [conv.removesuffix(".conv") for conv in convs]
        per_channel += tuple(f"{link}.beta" for link in links)
        if spec.slope is None:
            per_channel += tuple(f"{link}.relu.weight" for link in links)
    producers, readers = (entry, *written), (*read, _last(stage, spec))
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
