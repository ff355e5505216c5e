"""What the layers of a network cost on this machine, at every width that they could have."""

import dataclasses
import json
import logging
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vfi.files import atomic_path
from vfi.models import RIFESpec
from vfi.pruning.layers import Layer, LayerShape, layer_ms, network_layers

logger = logging.getLogger(__name__)

_STEP = 8
_FRACTIONS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Curves:
    """Measured milliseconds of a layer along each of its two widths.

    The cost of a convolution is very nearly a product of what each width does to it, so two curves
    tell the whole plane. Along the outputs it is a staircase (vector units take 8 or 16 channels
    at once), along the inputs it is smooth, and few points do.

    Attributes:
        inputs: input width -> ms, with all outputs.
        outputs: output width -> ms, with all inputs.
    """

    inputs: Mapping[int, float]
    outputs: Mapping[int, float]

    def ms(self, inputs: int, outputs: int) -> float:
        """The cost at these widths."""
        whole = self.outputs[max(self.outputs)]
        return _interpolate(self.inputs, inputs) * _interpolate(self.outputs, outputs) / whole


@dataclass(frozen=True)
class LatencyTable:
    """The cost of every layer of a network at every width, measured on this machine.

    Convolutions are measured with what follows them channel by channel: the PReLU and, for context
    features, the warp. What does not depend on widths (warping and resizing frames and flow) is not
    in the table.

    Attributes:
        layers: by the name of the convolution, in the order of computation.
        curves: what was measured.
        conditions: what the measurements depend on.
    """

    layers: Mapping[str, Layer]
    curves: Mapping[LayerShape, Curves]
    conditions: Mapping[str, Any]

    def ms(self, name: str, inputs: int, outputs: int) -> float:
        """Milliseconds a frame that the layer ``name`` would take with these widths."""
        layer = self.layers[name]
        return layer.calls * self.curves[layer.shape].ms(inputs, outputs)

    def to_dict(self) -> dict[str, Any]:
        """The measurements as plain dictionaries, lists and numbers."""
        curves = [
            {"shape": dataclasses.asdict(shape), **dataclasses.asdict(curve)}
            for shape, curve in self.curves.items()
        ]
        return {"conditions": dict(self.conditions), "curves": curves}


def latency_table(
    spec: RIFESpec,
    height: int,
    width: int,
    *,
    device: torch.device | str = "cpu",
    channels_last: bool = True,
    path: str | os.PathLike[str] | None = None,
) -> LatencyTable:
    """Measures the layers of a network, or reads what was measured before.

    Args:
        spec: of the network.
        height: of the frames, in pixels.
        width: likewise.
        device: where to measure.
        channels_last: memory layout of features and weights.
        path: of a JSON file that keeps the measurements. Those that are in it and were made under
            the same conditions are not repeated; the file is written if any are missing.

    Raises:
        ValueError: if the file is not such a table, or cannot be written.
    """
    layers = network_layers(spec, height, width)
    conditions = _conditions(torch.device(device), channels_last)
    known = _read(path, conditions) if path else {}
    missing = {layer.shape for layer in layers.values()} - known.keys()
    if missing:
        logger.info("measuring %d layers at %dx%d", len(missing), height, width)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        measured = {shape: _measure(shape, torch.device(device), layout) for shape in missing}
        known = known | measured
    table = LatencyTable(layers, known, conditions)
    if path and missing:
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(table.to_dict(), indent=1), encoding="utf-8")
    return table


def _conditions(device: torch.device, channels_last: bool) -> dict[str, Any]:
    machine: list[Any]
    if device.type == "cuda":
        machine = [torch.cuda.get_device_name(device)]
    else:
        machine = [platform.machine(), torch.backends.cpu.get_cpu_capability(), os.cpu_count()]
    return {
        "machine": machine,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "channels_last": channels_last,
    }


def _read(path: str | os.PathLike[str], conditions: Mapping[str, Any]) -> dict[LayerShape, Curves]:
    """The measurements of a file; none if there is no file or its conditions are others."""
    if not Path(path).exists():
        return {}
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        curves = {LayerShape(**entry["shape"]): _curves(entry) for entry in data["curves"]}
        found = data["conditions"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no latency table ({error}); delete it or give another path"
        ) from error
    if found != conditions:
        logger.info("%s was measured under %s: measuring again under %s", path, found, conditions)
        return {}
    return curves


def _curves(entry: Mapping[str, Any]) -> Curves:
    return Curves(
        *({int(w): float(ms) for w, ms in entry[n].items()} for n in ("inputs", "outputs"))
    )


def _measure(shape: LayerShape, device: torch.device, layout: torch.memory_format) -> Curves:
    step = _STEP if shape.outputs > _STEP else 1
    outputs = sorted({*range(step, shape.outputs, step), shape.outputs})
    step = _STEP if shape.inputs > _STEP else 1
    inputs = sorted({max(step, round(f * shape.inputs / step) * step) for f in _FRACTIONS[:-1]})
    inputs = [width for width in inputs if width < shape.inputs]
    along_outputs = _rising({w: layer_ms(shape, shape.inputs, w, device, layout) for w in outputs})
    along_inputs = {w: layer_ms(shape, w, shape.outputs, device, layout) for w in inputs}
    along_inputs[shape.inputs] = along_outputs[shape.outputs]
    return Curves(_rising(along_inputs), along_outputs)


def _rising(curve: Mapping[int, float]) -> dict[int, float]:
    """The curve without bumps: a narrower layer could always be padded to a wider one."""
    widths, lowest = sorted(curve, reverse=True), math.inf
    rising = {}
    for width in widths:
        lowest = min(lowest, curve[width])
        rising[width] = lowest
    return dict(sorted(rising.items()))


def _interpolate(curve: Mapping[int, float], width: int) -> float:
    return float(np.interp(width, list(curve), list(curve.values())))
