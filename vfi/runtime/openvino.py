"""OpenVINO on a CPU: the lean form, compiled for each size, kept in the user's cache folder."""

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from vfi.files import sha256
from vfi.models import RIFE
from vfi.runtime.compiled import CompiledNetwork, Runner
from vfi.runtime.extras import required
from vfi.runtime.lean_layers import Range
from vfi.runtime.lean_network import LeanRIFE
from vfi.runtime.ranges import apply_ranges

logger = logging.getLogger(__name__)

FORM = 2  # raised when the lean form changes: what older releases kept is made anew
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


def capabilities() -> tuple[str, ...]:
    """What OpenVINO says this processor computes in, e.g. ``("FP32", "BF16", "INT8")``."""
    core = required("openvino").Core()
    return tuple(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


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
        self._core = self._openvino.Core()
        self.ranges = dict(ranges or {})
        self._cache = cache
        self._digest = digest

    @override
    def compiled(self, height: int, width: int) -> Runner:
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        if self.threads:
            settings["INFERENCE_NUM_THREADS"] = self.threads
        model = self._core.compile_model(self._model(height, width), "CPU", settings)
        request = model.create_infer_request()

        def run(frames: Tensor, timestep: Tensor) -> Tensor:
            inputs = [frames.numpy(), timestep.numpy()]
            results = request.infer(inputs[: len(model.inputs)], share_inputs=True)
            return torch.from_numpy(results[0].copy())

        return run

    def _model(self, height: int, width: int) -> Any:
        """The converted network, from the cache if it is there and whole."""
        folder = self._folder(height, width)
        if folder is not None and (model := self._kept(folder)) is not None:
            return model
        model = self._converted(height, width)
        if folder is not None:
            self._keep(model, folder)
        return model

    def _converted(self, height: int, width: int) -> Any:
        lean = LeanRIFE(self.network, height, width)
        apply_ranges(lean, self.ranges)
        example = torch.zeros(2, 3, height, width), torch.full((1,), 0.5)
        with torch.no_grad():
            model = self._openvino.convert_model(lean, example_input=example)
        for port, shape in zip(model.inputs, ((2, 3, height, width), (1,)), strict=False):
            port.get_node().set_partial_shape(self._openvino.PartialShape(list(shape)))
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
            sorted((name, r.low, r.high) for name, r in self.ranges.items()),
        ]
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]
        return self._cache / f"{key}-{width}x{height}"

    def _kept(self, folder: Path) -> Any | None:
        """What another run kept; None if that is missing or damaged."""
        with contextlib.suppress(OSError, ValueError, RuntimeError, KeyError, TypeError):
            known = json.loads((folder / "files.json").read_text(encoding="utf-8"))
            if all(sha256(folder / name) == known[name] for name in ("model.xml", "model.bin")):
                return self._core.read_model(folder / "model.xml")
            logger.warning("%s is damaged and is made anew", folder)
        return None

    def _keep(self, model: Any, folder: Path) -> None:
        """Writes beside the folder, then renames: processes may share the cache."""
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                temporary = Path(name) / "entry"
                temporary.mkdir()
                self._openvino.save_model(model, temporary / "model.xml", compress_to_fp16=False)
                digests = {file: sha256(temporary / file) for file in ("model.xml", "model.bin")}
                text = json.dumps(digests)
                (temporary / "files.json").write_text(text, encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                temporary.replace(folder)
        except OSError as error:
            logger.warning("nothing is kept for the next run: %s", error)
            self._cache = None
