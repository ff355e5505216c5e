"""The network as a file for another program, opened again and compared before it is handed out."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F
from typing_extensions import override

from vfi.data.sample import sample_pairs
from vfi.models import RIFE
from vfi.runtime.extras import required
from vfi.runtime.lean_layers import Range
from vfi.runtime.lean_network import LeanRIFE
from vfi.runtime.onnx import session
from vfi.runtime.openvino import the_core
from vfi.runtime.ranges import apply_ranges

FORMATS = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
"""What can be written, and how a file of it ends."""

OPSETS = (16, 17, 18, 19)
"""Of ONNX: 16 brought GridSample; 20 renamed its modes, which importers have got wrong."""

TOLERANCE = 1e-3
"""Largest difference to torch of a value in [0, 1], of a file in float32."""

_SIZES = ((256, 256), (150, 202))
_LONGEST = 8192  # side of a frame that a file of torch takes, in pixels


class Whole(nn.Module):
    """``frames`` ``(2, 3, H, W)`` in [0, 1] and ``timestep`` ``(1,)`` -> ``(1, 3, H, W)``.

    Height and width are multiples of the network's stride.
    """

    def __init__(self, network: RIFE) -> None:
        super().__init__()
        self.stride = network.spec.stride()
        self.network: nn.Module = network.requires_grad_(False).eval()

    @override
    def forward(self, frames: Tensor, timestep: Tensor) -> Tensor:
        frame: Tensor = self.network(frames[:1], frames[1:], timestep, history=False).frame
        return frame


class Exported(Whole):
    """The same of any size: the border is repeated up to the next multiple of the stride."""

    @override
    def forward(self, frames: Tensor, timestep: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        below = (height + self.stride - 1) // self.stride * self.stride - height
        right = (width + self.stride - 1) // self.stride * self.stride - width
        frames = F.pad(frames, (0, right, 0, below), mode="replicate")
        return self._whole(frames, timestep)[..., :height, :width]

    def _whole(self, frames: Tensor, timestep: Tensor) -> Tensor:
        return super().forward(frames, timestep)


class ExportedLean(Exported):
    """The same of one size, ``(height, width)``, in 8 bits where ``ranges`` says so."""

    def __init__(self, network: RIFE, size: tuple[int, int], ranges: Mapping[str, Range]) -> None:
        super().__init__(network)
        self.network = LeanRIFE(network, *(-(-side // self.stride) * self.stride for side in size))
        apply_ranges(self.network, ranges)  # weights of 7 bits: they are right on every processor

    @override
    def _whole(self, frames: Tensor, timestep: Tensor) -> Tensor:
        frame: Tensor = self.network(frames, timestep)
        return frame


@dataclass(frozen=True)
class Parity:
    """How a file's frame differs from torch's, in values of [0, 1]."""

    height: int
    width: int
    timestep: float
    largest: float
    mean: float


def export(network: RIFE, kind: str, path: Path, opset: int = 17) -> None:
    """Writes the network in float32; ``openvino`` writes a ``.bin`` beside ``path`` too.

    Frames may have any size, in a file of ``torch`` one whose sides are multiples of the stride.

    Raises:
        ValueError: if a package is missing.
    """
    stride = network.spec.stride()
    example = torch.rand(2, 3, 2 * stride, 3 * stride), torch.full((1,), 0.5)
    with torch.no_grad():
        if kind == "onnx":
            path.write_bytes(_onnx(Exported(network), example, opset))
        elif kind == "openvino":
            _write_openvino(Exported(network), example, [2, 3, -1, -1], path)
        else:
            sides = {n: stride * Dim(f"side{n}", min=2, max=_LONGEST // stride) for n in (2, 3)}
            # Whole: with the padding inside, sizes are no multiples to the tracer, and it fails.
            program = torch.export.export(
                Whole(network), example, dynamic_shapes={"frames": sides, "timestep": None}
            )
            torch.export.save(program, path)


def export_int8(
    network: RIFE, size: tuple[int, int], ranges: Mapping[str, Range], path: Path
) -> None:
    """Writes the lean form for OpenVINO, in 8 bits, for frames of one size ``(height, width)``.

    Raises:
        ValueError: if the package is missing or the ranges are another network's.
    """
    example = torch.rand(2, 3, *size), torch.full((1,), 0.5)
    with torch.no_grad():
        _write_openvino(ExportedLean(network, size, ranges), example, [2, 3, *size], path)


def _write_openvino(
    module: nn.Module, example: tuple[Tensor, Tensor], shape: list[int], path: Path
) -> None:
    openvino = required("openvino")
    model = openvino.convert_model(module, example_input=example)
    for port, sides in zip(model.inputs, (shape, [1]), strict=False):  # time may not be read
        port.get_node().set_partial_shape(openvino.PartialShape(sides))
    model.validate_nodes_and_infer_types()
    openvino.save_model(model, path, compress_to_fp16=False)


def compared(
    network: RIFE, kind: str, path: Path, size: tuple[int, int] | None = None
) -> list[Parity]:
    """Opens a written file in its own runtime and compares it with torch, twice.

    At two sizes, or at the only one ``(height, width)`` that the file takes.
    """
    run, plain = _opened(kind, path), Exported(network)
    times = (0.5, 0.3) if network.spec.arbitrary_timestep else (0.5, 0.5)
    step = plain.stride if kind == "torch" else 1
    outcomes = []
    for (height, width), time in zip((size, size) if size else _SIZES, times, strict=True):
        sides = height // step * step, width // step * step
        frames = torch.cat(sample_pairs()[1])
        if size is not None:
            frames = F.interpolate(frames, size, mode="bilinear")
        frames = frames[..., : sides[0], : sides[1]].contiguous()
        timestep = torch.full((1,), time)
        with torch.inference_mode():
            difference = (run(frames, timestep) - plain(frames, timestep)).abs()
        error = float(difference.max()), float(difference.mean())
        outcomes.append(Parity(*sides, time, *error))
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
    if kind == "torch":
        program = torch.export.load(path)
        return cast(Callable[[Tensor, Tensor], Tensor], program.module())
    model = the_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def infer(frames: Tensor, timestep: Tensor) -> Tensor:
        inputs = [frames.numpy(), timestep.numpy()]
        return torch.from_numpy(model(inputs[: len(model.inputs)])[0].copy())

    return infer
