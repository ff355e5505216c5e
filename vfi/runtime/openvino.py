"""OpenVINO on a CPU: the network, compiled for each size, kept in the user's cache folder."""

import contextlib
import functools
import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import LifoQueue
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from vfi.files import sha256
from vfi.models import RIFE
from vfi.models.device import cores
from vfi.runtime.autocast import has_bfloat16, has_vnni
from vfi.runtime.compiled import CompiledNetwork, Program
from vfi.runtime.extras import required
from vfi.runtime.lean_layers import SAFE_WEIGHT_LEVELS, WEIGHT_LEVELS, Range
from vfi.runtime.lean_network import LeanRIFE, unsupported
from vfi.runtime.plain import PlainBetween, PlainEncode
from vfi.runtime.ranges import apply_ranges

logger = logging.getLogger(__name__)

FORM = 7  # raised when the lean form changes: what older releases kept is made anew
_PARTS = ("encode", "between")
_HINTS = {"float32": "f32", "bfloat16": "bf16"}


@functools.cache
def the_core() -> Any:
    """OpenVINO's core, one for all: it is never freed before the process ends.

    Each core puts back the signal stack that it found. Where two are freed in the order they were
    made in, that is memory of the first, and the next signal ends the process (OpenVINO 2026.4).
    """
    return required("openvino").Core()


def capabilities() -> tuple[str, ...]:
    """What OpenVINO says this processor computes in, e.g. ``("FP32", "BF16", "INT8")``."""
    return tuple(the_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class _Encode(nn.Module):
    def __init__(self, lean: LeanRIFE) -> None:
        super().__init__()
        self.lean = lean

    @override
    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        return self.lean.encode(frame)


class _Between(nn.Module):
    def __init__(self, lean: LeanRIFE) -> None:
        super().__init__()
        self.lean = lean

    @override
    def forward(self, *tensors: Tensor) -> Tensor:
        img0, img1, *known, timestep = tensors
        count = len(known) // 2
        encoded = tuple(known[:count]), tuple(known[count:])
        return self.lean.between((img0, img1), encoded, timestep)


class _Request:
    """A compiled model and what one call of it needs, used again and again."""

    def __init__(self, model: Any) -> None:
        self._request = model.create_infer_request()
        self._inputs = len(model.inputs)
        self._sizes = [tuple(port.shape) for port in model.outputs]
        self._tensor = required("openvino").Tensor

    def __call__(self, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        """What the model makes of these, of which it may read fewer."""
        made = tuple(torch.empty(size) for size in self._sizes)
        for place, values in enumerate(inputs[: self._inputs]):
            self._request.set_input_tensor(place, self._tensor(values.numpy(), shared_memory=True))
        for place, values in enumerate(made):
            self._request.set_output_tensor(place, self._tensor(values.numpy(), shared_memory=True))
        self._request.infer()
        return made


class _Program(Program):
    """Encoder, if there is one, and network, compiled once for each caller.

    The last to be free serves the next.
    """

    def __init__(self, compiled: Iterable[Sequence[Any]]) -> None:
        self._free: LifoQueue[list[_Request]] = LifoQueue()
        for models in compiled:
            self._free.put([_Request(model) for model in models])

    @contextlib.contextmanager
    def _parts(self) -> Iterator[list[_Request]]:
        parts = self._free.get()
        try:
            yield parts
        finally:
            self._free.put(parts)

    @override
    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        with self._parts() as (*encoder, _):
            return encoder[0]([frame]) if encoder else ()

    @override
    def between(
        self,
        frames: tuple[Tensor, Tensor],
        known: tuple[tuple[Tensor, ...], tuple[Tensor, ...]],
        timestep: Tensor,
    ) -> Tensor:
        with self._parts() as (*_, network):
            return network([*frames, *known[0], *known[1], timestep])[0]


class OpenVINONetwork(CompiledNetwork):
    """A network in OpenVINO.

    Args:
        network: see `CompiledNetwork`.
        precision: float32, bfloat16 or int8.
        threads: see `CompiledNetwork`.
        ranges: of int8: what `vfi.runtime.ranges.calibrated` found.
        cache: folder for converted networks; None keeps nothing.
        digest: names the weights in the cache.
    """

    runtime = "openvino"
    most_callers = 4

    def __init__(
        self,
        network: RIFE,
        precision: str,
        threads: int | None = None,
        ranges: Mapping[str, Range] | None = None,
        cache: Path | None = None,
        digest: str = "",
    ) -> None:
        super().__init__(network, precision, threads)
        self._openvino = required("openvino")
        self.ranges = dict(ranges or {})
        self._weight_levels = WEIGHT_LEVELS if has_vnni() else SAFE_WEIGHT_LEVELS
        self._cache = cache
        self._digest = digest

    @override
    def compiled(self, height: int, width: int) -> Program:
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self._hint(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        threads = self.threads
        if self.callers > 1:
            # A stream's work waits for a thread of its own to wake; a program of one thread runs in
            # its caller's, which must not be tied to one core then.
            threads = max((threads or cores()) // self.callers, 1)
            settings["ENABLE_CPU_PINNING"] = False
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        models = self._models(height, width)
        compiled = functools.partial(the_core().compile_model, device_name="CPU", config=settings)
        program = _Program([compiled(model) for model in models] for _ in range(self.callers))
        # Two threads in the first call of OpenVINO's binding may wait for each other for ever.
        frame = torch.zeros(1, 3, height, width)
        if not program.encode(frame):
            program.between((frame, frame), ((), ()), torch.full((1,), 0.5))
        return program

    def _hint(self) -> str:
        """What is not in 8 bits runs in bfloat16 where the processor is made for it."""
        return _HINTS.get(self.precision) or ("bf16" if has_bfloat16() else "f32")

    def _models(self, height: int, width: int) -> list[Any]:
        """The converted network, from the cache if it is there and whole."""
        folder = self._folder(height, width)
        if folder is not None and (models := self._kept(folder)) is not None:
            return models
        models = self._converted(height, width)
        if folder is not None:
            self._keep(models, folder)
        return models

    def _converted(self, height: int, width: int) -> list[Any]:
        frame, time = torch.zeros(1, 3, height, width), torch.full((1,), 0.5)
        encode, between = self._parts(height, width)
        with torch.no_grad():
            known = encode(frame)
            models = [self._static(encode, (frame,))] if known else []
            return [*models, self._static(between, (frame, frame, *known, *known, time))]

    def _parts(self, height: int, width: int) -> tuple[nn.Module, nn.Module]:
        if unsupported(self.spec):
            frame = torch.zeros(1, 3, height, width)
            return PlainEncode(self.network), PlainBetween(self.network, frame)
        lean = LeanRIFE(self.network, height, width)
        apply_ranges(lean, self.ranges, self._weight_levels)
        return _Encode(lean), _Between(lean)

    def _static(self, module: nn.Module, example: tuple[Tensor, ...]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # sizes are to be constants
            model = self._openvino.convert_model(module, example_input=example)
        for port, tensor in zip(model.inputs, example, strict=False):  # time may not be read
            port.get_node().set_partial_shape(self._openvino.PartialShape(list(tensor.shape)))
        model.validate_nodes_and_infer_types()
        return model

    def _folder(self, height: int, width: int) -> Path | None:
        if self._cache is None or not self._digest:
            return None
        what = [
            FORM,
            self._digest,
            self.spec.to_dict(),
            self._openvino.__version__,
            self._weight_levels,
            sorted((name, r.low, r.high) for name, r in self.ranges.items()),
        ]
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]
        return self._cache / f"{key}-{width}x{height}"

    def _kept(self, folder: Path) -> list[Any] | None:
        """What another run kept; None if that is missing or damaged."""
        with contextlib.suppress(OSError, ValueError, RuntimeError, KeyError, TypeError):
            known = json.loads((folder / "files.json").read_text(encoding="utf-8"))
            parts = [part for part in _PARTS if f"{part}.xml" in known or part == _PARTS[-1]]
            files = [f"{part}.{suffix}" for part in parts for suffix in ("xml", "bin")]
            if all(sha256(folder / name) == known[name] for name in files):
                return [the_core().read_model(folder / f"{part}.xml") for part in parts]
            logger.warning("%s is damaged and is made anew", folder)
        return None

    def _keep(self, models: list[Any], folder: Path) -> None:
        """Writes beside the folder, then renames: processes may share the cache."""
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                temporary = Path(name) / "entry"
                temporary.mkdir()
                for part, model in zip(_PARTS[-len(models) :], models, strict=True):
                    path = temporary / f"{part}.xml"
                    self._openvino.save_model(model, path, compress_to_fp16=False)
                digests = {path.name: sha256(path) for path in temporary.iterdir()}
                text = json.dumps(digests)
                (temporary / "files.json").write_text(text, encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                temporary.replace(folder)
        except OSError as error:
            logger.warning("nothing is kept for the next run: %s", error)
            self._cache = None
