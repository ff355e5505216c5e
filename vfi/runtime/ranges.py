"""8 bits: the values that each layer reads, seen on real frames and kept in a small file."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from vfi.files import atomic_path
from vfi.models import RIFE
from vfi.runtime.lean_layers import SAFE_WEIGHT_LEVELS, Learnt, Range
from vfi.runtime.lean_network import LeanRIFE

SUFFIX = ".int8.json"
_COVERED = 0.9999  # of the values: a few outliers would cost all others their precision
_MARGIN = 1.3
"""How much wider features' ranges are than what calibration showed: other frames move more, and a
value cut off costs more than coarser steps. Frames end at 1."""
_SAMPLE = 1 << 16  # values of a layer looked at for each pair


def learnt_layers(network: LeanRIFE) -> dict[str, Learnt]:
    """The layers that can run in 8 bits, by name."""
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, Learnt)}


def calibrated(network: RIFE, pairs: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Range]:
    """The range of each layer's input over pairs of frames.

    Args:
        network: in float32.
        pairs: ``(1, 3, H, W)`` in [0, 1] each, all of one size that fits the network's stride.

    Raises:
        ValueError: if there is no pair.
    """
    lean: LeanRIFE | None = None
    seen: dict[str, list[tuple[float, float]]] = {}
    time = torch.tensor([0.5])
    with torch.inference_mode():
        for img0, img1 in pairs:
            if lean is None:
                lean = LeanRIFE(network, *img0.shape[-2:])
                for name, layer in learnt_layers(lean).items():
                    layer.register_forward_pre_hook(_recorder(seen.setdefault(name, [])))
            lean(torch.cat((img0, img1)), time)
    if lean is None:
        raise ValueError("there is no pair of frames to calibrate 8 bits with; give more clips")
    return {name: _range(values) for name, values in seen.items()}


def _range(values: list[tuple[float, float]]) -> Range:
    low, high = min(low for low, _ in values), max(high for _, high in values)
    return Range(_MARGIN * low, _MARGIN * high) if low < 0 else Range(low, high)


def harms(
    network: RIFE, ranges: Mapping[str, Range], pairs: Iterable[tuple[Tensor, Tensor]]
) -> Iterator[tuple[str, float]]:
    """How much each layer changes the frames if it alone runs in 8 bits, emulated in torch.

    Args:
        network: in float32.
        ranges: of its layers.
        pairs: as for `calibrated`; they are gone through once a layer.

    Yields:
        Names, and the mean square of the difference.
    """
    inputs = [torch.cat(pair) for pair in pairs]
    lean = LeanRIFE(network, *inputs[0].shape[-2:])
    layers, time = learnt_layers(lean), torch.tensor([0.5])
    with torch.inference_mode():
        exact = [lean(frames, time) for frames in inputs]
        for name, found in ranges.items():
            layers[name].range = found
            changed = [lean(frames, time) for frames in inputs]
            layers[name].range = None
            yield name, float((torch.stack(changed) - torch.stack(exact)).square().mean())


def apply_ranges(
    network: LeanRIFE, ranges: Mapping[str, Range], weight_levels: int = SAFE_WEIGHT_LEVELS
) -> None:
    """Makes the layers of a lean network that have a range run in 8 bits.

    Raises:
        ValueError: if the ranges are another network's.
    """
    layers = learnt_layers(network)
    if unknown := sorted(set(ranges) - set(layers)):
        raise ValueError(f"8-bit ranges of another network: there is no layer {unknown[0]} here")
    for name, found in ranges.items():
        layers[name].range = found
        layers[name].weight_levels = weight_levels


def write_ranges(path: str | os.PathLike[str], ranges: Mapping[str, Range], digest: str) -> None:
    """Writes ranges beside the weights that they belong to, which ``digest`` names."""
    content = {"weights": digest, "ranges": {name: asdict(r) for name, r in ranges.items()}}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_ranges(path: str | os.PathLike[str], digest: str) -> dict[str, Range]:
    """The ranges in a file.

    Raises:
        ValueError: if the file is damaged or belongs to other weights.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        ranges = {name: Range(**values) for name, values in content["ranges"].items()}
        weights = content["weights"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}; make it anew with `vfi quantize`") from error
    if weights != digest:
        raise ValueError(f"{path} belongs to other weights; make it anew with `vfi quantize`")
    return ranges


def _recorder(
    values: list[tuple[float, float]],
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        flat = inputs[0].flatten()
        flat = flat[:: max(1, len(flat) // _SAMPLE)].float()
        low = float(flat.quantile(1 - _COVERED)) if float(flat.min()) < 0 else 0.0
        values.append((min(low, 0.0), max(float(flat.quantile(_COVERED)), 1e-6)))

    return record
