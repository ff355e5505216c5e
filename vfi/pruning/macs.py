"""What a channel costs in multiply-accumulates."""

from vfi.models import RIFE, RIFESpec
from vfi.pruning.channels import channel_groups, conv_of


def channel_macs(network: RIFE) -> dict[str, float]:
    """Group -> multiply-accumulates per pixel of a frame that go with one of its channels.

    Those of the producers that make it and of the consumers that read it, at the present widths and
    each at its own resolution: in rife_v4.0, a channel of the last block costs twenty times one of
    the first.
    """
    costs = {}
    for name, group in channel_groups(network.spec).items():
        made = [(conv, conv_of(network, conv).out_channels) for conv in group.producers]
        read = [(c.conv, conv_of(network, c.conv).in_channels) for c in group.consumers]
        costs[name] = sum(_macs(network, conv) / channels for conv, channels in (*made, *read))
    return costs


def _macs(network: RIFE, conv: str) -> float:
    """Multiply-accumulates of a convolution per pixel of a frame."""
    frames = 2 if conv.startswith("contextnet.") else 1  # it runs once for each frame
    weights = conv_of(network, conv).weight.numel()
    return frames * weights / _shrink(network.spec, conv) ** 2


def _shrink(spec: RIFESpec, conv: str) -> int:
    """The weights are applied on a grid this many times smaller than the frame, in each direction.

    It is the grid of the outputs or, for a transposed convolution, of the inputs.
    """
    part, layer, *rest = conv.split(".")
    if part.startswith("block"):
        scale = spec.blocks[int(part.removeprefix("block"))].scale
        return scale * (2 if layer == "conv0" and rest[0] == "0" else 4)
    if part == "contextnet":
        return 1 << int(layer.removeprefix("conv"))
    if layer.startswith("down"):
        return 2 << int(layer.removeprefix("down"))
    if layer.startswith("up"):
        return 16 >> int(layer.removeprefix("up"))
    return 1
