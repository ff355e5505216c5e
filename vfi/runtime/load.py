"""Models ready to run in any runtime, and the fastest one that can be trusted here."""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch

from vfi.checkpoints import load_model as load_eager
from vfi.checkpoints import registry
from vfi.checkpoints.formats import digest
from vfi.files import atomic_path
from vfi.models import RIFE, Interpolator
from vfi.models.device import check_threads
from vfi.runtime.autocast import Autocast, has_bfloat16, torch_precision
from vfi.runtime.extras import installed
from vfi.runtime.lean_layers import Range
from vfi.runtime.lean_network import unsupported
from vfi.runtime.onnx import ONNXNetwork
from vfi.runtime.openvino import FORM, OpenVINONetwork, capabilities
from vfi.runtime.ranges import SUFFIX, read_ranges

Runtime = Literal["torch", "openvino", "onnxruntime", "auto"]
Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]

RUNTIMES: dict[str, tuple[str, ...]] = {
    "torch": ("float32", "bfloat16", "float16"),
    "openvino": ("float32", "bfloat16", "int8"),
    "onnxruntime": ("float32",),
}
"""The precisions of each runtime."""

MEAN_ERROR = 0.004
"""The mean absolute difference to eager, of values in [0, 1], that `auto` accepts: one level."""

_ROUNDS = 5
_STEADY = 1.5
"""What differs by a larger factor from round to round was measured on a busy machine."""

logger = logging.getLogger(__name__)


def load_model(
    source: str | os.PathLike[str],
    device: str | torch.device | None = None,
    options: Mapping[str, Any] | None = None,
    runtime: Runtime = "torch",
    precision: Precision = "auto",
    threads: int | None = None,
) -> Interpolator:
    """A model ready for inference: ``model(img0, img1, timestep=0.5)``, frames of any size.

    It is frozen and in eval mode, and takes tensors ``(B, 3, H, W)`` in [0, 1] or arrays
    ``(H, W, 3)`` or ``(B, H, W, 3)`` of uint8, RGB, and gives back the same kind. ``model.spec`` is
    its shape, ``model.info`` what is known of it.

    Args:
        source: a name (`vfi.available_models`) or the path of a .pkl, .ckpt or .safetensors.
        device: where to put it; the CPU if None. Runtimes other than torch run on the CPU.
        options: changes to the network that need no other weights, see `vfi.models.Options`.
        runtime: torch, openvino, onnxruntime, or auto: the fastest of those installed whose frames
            agree with torch's here, which is measured and, unless this machine is busy, remembered
            in the cache folder.
        precision: float32, bfloat16, int8 (openvino) or float16 (torch, for GPUs). auto is the
            fastest that there is: in openvino int8 where the model comes with 8-bit ranges, else
            bfloat16 on processors made for it, else float32. bfloat16 that is asked for becomes
            float32, and says so, where the processor lacks it.
        threads: of the runtime; its default if None.

    Raises:
        FileNotFoundError: if there is no file at the path.
        ValueError: if the name, runtime or precision is unknown or cannot be had here, the weights
            are damaged, or the network cannot be changed as asked.

    >>> import numpy as np, vfi
    >>> model = vfi.load_model("rife-tiny")
    >>> black, white = (np.full((48, 64, 3), level, np.uint8) for level in (0, 255))
    >>> int(model(black, black).max()) < 5
    True
    >>> model(black, white, timestep=2)
    Traceback (most recent call last):
    ValueError: timestep is 2.0; it must be in [0, 1]: 0 is img0, 1 is img1
    >>> model.spec.variant, model.info["licence"][:3]
    ('rife_v4.0', 'MIT')
    """
    check_way(runtime, precision)
    check_threads(threads)
    return prepared(load_eager(source, device, options), source, runtime, precision, threads)


def prepared(
    model: Interpolator,
    source: str | os.PathLike[str],
    runtime: Runtime = "torch",
    precision: Precision = "auto",
    threads: int | None = None,
) -> Interpolator:
    """A model of torch in the runtime and precision asked for; see `load_model`.

    Args:
        model: its weights are shared, and frozen in runtimes other than torch.
        source: where it is from: beside that lie its 8-bit ranges.
        runtime: see `load_model`, as what follows.
        precision: likewise.
        threads: likewise.

    Raises:
        ValueError: as `load_model`.
    """
    place = next(model.parameters()).device
    if runtime == "torch":
        kept = torch_precision(precision, place)
        made: Any = model.network if kept == "float32" else Autocast(model.network, kept)
        return Interpolator(made, model.info).eval()
    if place.type != "cpu":
        if runtime == "auto":
            return model
        raise ValueError(f"{runtime} runs on the CPU here, not on {place}; use runtime torch")
    if runtime == "auto":
        return _fastest(model, source, precision, threads)
    reason = unsupported(model.spec)
    if runtime == "openvino" and reason and precision not in ("auto", "float32"):
        raise ValueError(f"{source} runs in openvino in float32 alone, not {precision}: {reason}")
    return _compiled(model, source, runtime, precision, threads)


def check_way(runtime: str, precision: str) -> None:
    """Raises ValueError unless there is such a runtime, and it has that precision."""
    if runtime not in (*RUNTIMES, "auto"):
        raise ValueError(f"runtime is {runtime!r}; choose from {', '.join((*RUNTIMES, 'auto'))}")
    known = RUNTIMES["openvino" if runtime == "auto" else runtime]
    if precision not in ("auto", *known):
        raise ValueError(f"precision is {precision!r}; {runtime} has {', '.join(('auto', *known))}")


def _compiled(
    model: Interpolator,
    source: str | os.PathLike[str],
    runtime: str,
    precision: str,
    threads: int | None,
) -> Interpolator:
    network = model.network
    if runtime == "onnxruntime":
        made: Any = ONNXNetwork(network, "float32", threads)
        return Interpolator(made, model.info).eval()
    ranges: dict[str, Range] = {}
    chosen = "float32" if unsupported(network.spec) else _precision(precision, source)
    name = digest(network.state_dict())
    if chosen == "int8":
        ranges = ranges_for(network, source)
    cache = registry.cache_folder() / "openvino"
    made = OpenVINONetwork(network, chosen, threads, ranges, cache, name)
    return Interpolator(made, model.info).eval()


def _precision(asked: str, source: str | os.PathLike[str]) -> str:
    """The precision to use in OpenVINO, of what the processor has."""
    able = capabilities()
    if asked == "bfloat16" and "BF16" not in able:
        logger.warning("this processor has no bfloat16 instructions; float32 is used instead")
        return "float32"
    return _automatic(source)[0] if asked == "auto" else asked


def _automatic(source: str | os.PathLike[str]) -> list[str]:
    """The precisions that OpenVINO has here for a model, the fastest first."""
    able = capabilities()
    has = {
        "int8": "INT8" in able and ranges_of(source).is_file(),
        "bfloat16": "BF16" in able and has_bfloat16(),
        "float32": True,
    }
    return [precision for precision, there in has.items() if there]


def ranges_of(source: str | os.PathLike[str]) -> Path:
    """Where the 8-bit ranges of a model lie: beside its weights."""
    path = registry.path_of(str(source)) if str(source) in registry.names() else None
    return (path or Path(source)).with_suffix(SUFFIX)


def ranges_for(network: RIFE, source: str | os.PathLike[str]) -> dict[str, Range]:
    """The 8-bit ranges that lie beside a model's weights.

    Raises:
        ValueError: if there are none, or they are damaged or of other weights.
    """
    path = ranges_of(source)
    if not path.is_file():
        raise ValueError(f"{source} has no 8-bit ranges ({path}); make them with `vfi quantize`")
    return read_ranges(path, digest(network.state_dict()))


@dataclass(frozen=True)
class _Outcome:
    """What a candidate did beside eager.

    Attributes:
        error: mean absolute difference, of values in [0, 1].
        speedup: times as fast, the median of all rounds.
        spread: by what factor rounds differ in that, the least and the greatest left out.
    """

    error: float
    speedup: float
    spread: float

    @classmethod
    def of(cls, error: float, eager: Sequence[float], other: Sequence[float]) -> "_Outcome":
        """From the seconds of each round."""
        ratios = sorted(one / two for one, two in zip(eager, other, strict=True))
        return cls(error, median(ratios), ratios[-2] / ratios[1])

    def __str__(self) -> str:
        return f"mean difference to torch {self.error:.4f}, {self.speedup:.1f} times as fast"

    @property
    def good(self) -> bool:
        return self.error <= MEAN_ERROR and self.speedup > 1

    @property
    def steady(self) -> bool:
        return self.spread <= _STEADY


def _fastest(
    model: Interpolator, source: str | os.PathLike[str], precision: str, threads: int | None
) -> Interpolator:
    """The model in OpenVINO where that is installed, agrees with torch and is faster."""
    if not installed("openvino"):
        logger.info("runtime torch: openvino, an extra that is faster, is not installed")
        return model
    reason = unsupported(model.spec)
    if reason and precision not in ("auto", "float32"):
        logger.info("runtime torch: %s", reason)
        return model
    able = ["float32"] if reason else _automatic(source)
    for bits in able if precision == "auto" else [precision]:
        candidate = _compiled(model, source, "openvino", bits, threads)
        network: Any = candidate.network
        key = f"{digest(network.network.state_dict())[:16]} {FORM} {network.precision} {threads}"
        outcome = _remembered(key, partial(_measured, model, candidate))
        if outcome.good:
            logger.info(
                "runtime openvino, %s (%.1f times torch here; --runtime torch for that)",
                network.precision,
                outcome.speedup,
            )
            return candidate
        logger.info("not openvino in %s: %s", network.precision, outcome)
    return model


def _measured(model: Interpolator, candidate: Interpolator) -> _Outcome:
    from vfi.data.sample import sample_pairs  # here: seldom needed, and a tenth of a second

    pairs = sample_pairs()
    times: dict[str, list[float]] = {"torch": [], "other": []}
    with torch.inference_mode():
        errors = [(model(*pair, 0.5) - candidate(*pair, 0.5)).abs().mean() for pair in pairs]
        for _ in range(_ROUNDS):
            for name, made in (("torch", model), ("other", candidate)):
                start = time.perf_counter()
                made(*pairs[0], 0.5)
                times[name].append(time.perf_counter() - start)
    return _Outcome.of(float(torch.stack(errors).mean()), times["torch"], times["other"])


def _remembered(key: str, measure: Callable[[], _Outcome]) -> _Outcome:
    """What was measured before on this machine, or now; kept only if the rounds agree."""
    path = registry.cache_folder() / "runtimes.json"
    known: dict[str, Any] = {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return _Outcome(**known[key])
    except (OSError, ValueError, KeyError, TypeError):
        outcome = measure()
    if not outcome.steady:
        logger.info("this machine is busy (rounds differ): the runtimes are timed again next time")
        return outcome
    try:
        with atomic_path(path) as temporary:
            text = json.dumps({**dict(known), key: asdict(outcome)}, indent=1)
            temporary.write_text(text, encoding="utf-8")
    except ValueError as error:
        logger.debug("not remembered: %s", error)
    return outcome
