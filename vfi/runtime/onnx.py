"""ONNX: the plain network with free sizes and a free timestep, written and run."""

import io
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.models import RIFE
from vfi.runtime.compiled import CompiledNetwork, Program
from vfi.runtime.extras import required
from vfi.runtime.plain import PlainBetween, PlainEncode

OPSET = 17
"""16 brought GridSample; 20 renamed its modes, which importers have got wrong."""


def onnx_bytes(module: nn.Module, example: tuple[Tensor, ...], outputs: int) -> bytes:
    """A module as an ONNX file: inputs ``in0``, ..., outputs ``out0``, ...

    Images ``(B, C, height, width)`` may have any height and width that fit each other.

    Raises:
        ValueError: if packages are missing.
    """
    for package in ("onnx", "onnxscript"):
        required(package)
    inputs = [f"in{k}" for k in range(len(example))]
    results = [f"out{k}" for k in range(outputs)]
    images = [name for name, tensor in zip(inputs, example, strict=True) if tensor.ndim == 4]
    buffer = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            module,
            example,
            cast(Any, buffer),  # which it takes, whatever its annotation says
            input_names=inputs,
            output_names=results,
            dynamic_axes={name: {2: f"{name}_h", 3: f"{name}_w"} for name in [*images, *results]},
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


class _Program(Program):
    def __init__(self, encoder: Any, network: Any) -> None:
        self._encoder, self._network = encoder, network

    @override
    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        return () if self._encoder is None else self._run(self._encoder, [frame])

    @override
    def between(
        self,
        frames: tuple[Tensor, Tensor],
        known: tuple[tuple[Tensor, ...], tuple[Tensor, ...]],
        timestep: Tensor,
    ) -> Tensor:
        return self._run(self._network, [*frames, *known[0], *known[1], timestep])[0]

    @staticmethod
    def _run(session: Any, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        values = {f"in{k}": tensor.numpy() for k, tensor in enumerate(inputs)}
        names = [port.name for port in session.get_inputs()]  # time may not be read
        return tuple(map(torch.from_numpy, session.run(None, {k: values[k] for k in names})))


class ONNXNetwork(CompiledNetwork):
    """A network in ONNX Runtime, float32; its sessions serve all sizes."""

    runtime = "onnxruntime"

    def __init__(self, network: RIFE, precision: str, threads: int | None = None) -> None:
        super().__init__(network, precision, threads)
        stride = network.spec.stride()
        frame, time = torch.rand(1, 3, 2 * stride, 3 * stride), torch.full((1,), 0.5)
        encode, between = PlainEncode(network), PlainBetween(network, frame)
        with torch.no_grad():
            known = encode(frame)
        files = [onnx_bytes(between, (frame, frame, *known, *known, time), 1)]
        if known:
            files.append(onnx_bytes(encode, (frame,), len(known)))
        main, *encoder = (session(file, threads) for file in files)
        self._sessions = _Program(encoder[0] if encoder else None, main)

    @override
    def compiled(self, height: int, width: int) -> Program:
        return self._sessions
