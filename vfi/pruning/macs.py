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
    frames = 2 if conv.startswith(("contextnet.", "encode.")) else 1  # once for each frame
    weights = conv_of(network, conv).weight.numel()
    return frames * weights / _shrink(network.spec, conv) ** 2


def _shrink(spec: RIFESpec, conv: str) -> int:
    """The weights are applied on a grid this many times smaller than the frame, in each direction.

    It is the grid of the outputs or, for a transposed convolution, of the inputs.
    """
    part, layer, *rest = conv.split(".")
    if part.startswith("block"):
        scale = spec.scales[int(part.removeprefix("block"))]
        return scale * (2 if layer == "conv0" and rest[0] == "0" else 4)
    if part == "encode":
        return 2
    scale = spec.refine.scale if spec.refine else 1
    if part == "contextnet":
        return scale << int(layer.removeprefix("conv"))
    if layer.startswith("down"):
        return 2 * scale << int(layer.removeprefix("down"))
    if layer.startswith("up"):
        return 16 * scale >> int(layer.removeprefix("up"))
    return scale
