"""ONNX: the plain network with free sizes and a free timestep, written and run."""

import io
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.models import RIFE
from vfi.runtime.compiled import CompiledNetwork, Runner
from vfi.runtime.extras import required

OPSET = 17
"""16 brought GridSample; 20 renamed its modes, which importers have got wrong."""


class _Pair(nn.Module):
    """``(2, 3, H, W)`` frames and ``(1,)`` -> ``(1, 3, H, W)``: the signature of every export."""

    def __init__(self, network: RIFE) -> None:
        super().__init__()
        self.network = network

    @override
    def forward(self, frames: Tensor, timestep: Tensor) -> Tensor:
        frame: Tensor = self.network(frames[:1], frames[1:], timestep, history=False).frame
        return frame


def onnx_bytes(network: RIFE) -> bytes:
    """The network as an ONNX file: ``frames`` ``(2, 3, height, width)`` in [0, 1] and ``timestep``
    ``(1,)`` in, ``frame`` ``(1, 3, height, width)`` out.

    Height and width are free multiples of ``network.spec.stride()``.

    Raises:
        ValueError: if packages are missing.
    """
    for package in ("onnx", "onnxscript"):
        required(package)
    stride = network.spec.stride()
    example = torch.rand(2, 3, 2 * stride, 3 * stride), torch.full((1,), 0.5)
    buffer = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            _Pair(network).requires_grad_(False).eval(),
            example,
            cast(Any, buffer),  # which it takes, whatever its annotation says
            input_names=["frames", "timestep"],
            output_names=["frame"],
            dynamic_axes={"frames": {2: "height", 3: "width"}, "frame": {2: "height", 3: "width"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def session(model: bytes | Path, threads: int | None = None) -> Any:
    """A session of ONNX Runtime on the CPU."""
    runtime = required("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    source = model if isinstance(model, bytes) else str(model)
    return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class ONNXNetwork(CompiledNetwork):
    """A network in ONNX Runtime, float32; one session serves all sizes."""

    runtime = "onnxruntime"

    def __init__(self, network: RIFE, precision: str, threads: int | None = None) -> None:
        super().__init__(network, precision, threads)
        self._session = session(onnx_bytes(network), threads)

    @override
    def compiled(self, height: int, width: int) -> Runner:
        names = [port.name for port in self._session.get_inputs()]

        def run(frames: Tensor, timestep: Tensor) -> Tensor:
            values = {"frames": frames.numpy(), "timestep": timestep.numpy()}
            return torch.from_numpy(self._session.run(None, {k: values[k] for k in names})[0])

        return run
