"""The network as a file for another program, opened again and compared before it is handed out."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from vfi.data.sample import sample_pairs
from vfi.models import RIFE
from vfi.runtime.extras import required
from vfi.runtime.onnx import session

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
"""What can be written, and how a file of it ends. Both are float32 and take frames of any size."""

OPSETS = (16, 17, 18, 19)
"""Of ONNX: 16 brought GridSample; 20 renamed its modes, which importers have got wrong."""

TOLERANCE = 1e-3
"""Largest difference to torch of a value in [0, 1]."""

_SIZES = ((256, 256), (150, 202))


class Exported(nn.Module):
    """``frames`` ``(2, 3, H, W)`` in [0, 1] and ``timestep`` ``(1,)`` -> ``(1, 3, H, W)``.

    Any height and width: the border is repeated up to the next multiple of the network's stride.
    """

    def __init__(self, network: RIFE) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    @override
    def forward(self, frames: Tensor, timestep: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        stride = self.network.spec.stride()
        below = (height + stride - 1) // stride * stride - height
        right = (width + stride - 1) // stride * stride - width
        frames = F.pad(frames, (0, right, 0, below), mode="replicate")
        frame: Tensor = self.network(frames[:1], frames[1:], timestep, history=False).frame
        return frame[..., :height, :width]


@dataclass(frozen=True)
class Parity:
    """How a file's frame differs from torch's, in values of [0, 1]."""

    height: int
    width: int
    timestep: float
    largest: float
    mean: float


def export(network: RIFE, kind: str, path: Path, opset: int = 17) -> None:
    """Writes the network; ``openvino`` writes a ``.bin`` beside ``path`` too.

    Raises:
        ValueError: if a package is missing.
    """
    stride = network.spec.stride()
    example = torch.rand(2, 3, 2 * stride, 3 * stride), torch.full((1,), 0.5)
    module = Exported(network)
    with torch.no_grad():
        if kind == "onnx":
            path.write_bytes(_onnx(module, example, opset))
            return
        openvino = required("openvino")
        model = openvino.convert_model(module, example_input=example)
        shapes = ([2, 3, -1, -1], [1])
        for port, shape in zip(model.inputs, shapes, strict=False):
            port.get_node().set_partial_shape(openvino.PartialShape(shape))
        model.validate_nodes_and_infer_types()
        openvino.save_model(model, path, compress_to_fp16=False)


def compared(network: RIFE, kind: str, path: Path) -> list[Parity]:
    """Opens a written file in its own runtime and compares it with torch, at two sizes."""
    run, plain = _opened(kind, path), Exported(network)
    times = (0.5, 0.3) if network.spec.arbitrary_timestep else (0.5, 0.5)
    outcomes = []
    for (height, width), time in zip(_SIZES, times, strict=True):
        frames = torch.cat(sample_pairs()[1])[..., :height, :width].contiguous()
        timestep = torch.full((1,), time)
        with torch.inference_mode():
            difference = (run(frames, timestep) - plain(frames, timestep)).abs()
        error = float(difference.max()), float(difference.mean())
        outcomes.append(Parity(height, width, time, *error))
    return outcomes


def _onnx(module: Exported, example: tuple[Tensor, Tensor], opset: int) -> bytes:
    for package in ("onnx", "onnxscript"):
        required(package)
    buffer = io.BytesIO()
    size = {2: "height", 3: "width"}
    torch.onnx.export(
        module,
        example,
        cast(Any, buffer),  # which it takes, whatever its annotation says
        input_names=["frames", "timestep"],
        output_names=["frame"],
        dynamic_axes={"frames": size, "frame": size},
        opset_version=opset,
        dynamo=False,
    )
    return buffer.getvalue()


def _opened(kind: str, path: Path) -> Callable[[Tensor, Tensor], Tensor]:
    if kind == "onnx":
        opened = session(path)
        names = [port.name for port in opened.get_inputs()]

        def run(frames: Tensor, timestep: Tensor) -> Tensor:
            values = {"frames": frames.numpy(), "timestep": timestep.numpy()}
            return torch.from_numpy(opened.run(None, {name: values[name] for name in names})[0])

        return run
    core = required("openvino").Core()
    model = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def infer(frames: Tensor, timestep: Tensor) -> Tensor:
        inputs = [frames.numpy(), timestep.numpy()]
        return torch.from_numpy(model(inputs[: len(model.inputs)])[0].copy())

    return infer
