"""A model and how it runs, under one name: what a figure of speed or quality belongs to."""

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from vfi.checkpoints import registry
from vfi.checkpoints.formats import digest
from vfi.files import atomic_path
from vfi.models import RIFE, Interpolator
from vfi.models.device import check_threads
from vfi.runtime.load import Precision, Runtime, check_way, load_model
from vfi.runtime.openvino import FORM
from vfi.schema import check_record

AUTO = "auto"
"""The name that means what `remember` kept."""

EAGER = {"runtime": "torch", "precision": "float32"}
"""What `described` says of a plain network."""

_FILE = "selected.json"


@dataclass(frozen=True)
class Way:
    """A model and how it runs.

    Attributes:
        model: a name or a path, as for `vfi.load_model`.
        runtime: likewise.
        precision: likewise.
        threads: likewise.
        flow_scale: see `vfi.models.RIFE.forward`; None leaves it to who runs it.

    Raises:
        ValueError: if the runtime or precision is unknown, or there are no threads.
    """

    model: str
    runtime: Runtime = "torch"
    precision: Precision = "auto"
    threads: int | None = None
    flow_scale: float | None = None

    def __post_init__(self) -> None:
        check_way(self.runtime, self.precision)
        check_threads(self.threads)

    @classmethod
    def named(
        cls,
        text: str,
        runtime: Runtime = "torch",
        precision: Precision = "auto",
        threads: int | None = None,
    ) -> "Way":
        """The way that a text means: ``NAME``, ``NAME@RUNTIME`` or ``NAME@RUNTIME/PRECISION``.

        Args:
            text: a name or path; ``auto`` is what `vfi select` chose, all of it.
            runtime: of a name that does not tell; see `vfi.load_model`.
            precision: likewise.
            threads: where given, also those of ``auto``.

        Raises:
            ValueError: if the runtime or precision is unknown, or nothing was chosen.
        """
        if text == AUTO:
            chosen = remembered()
            return dataclasses.replace(chosen, threads=threads or chosen.threads)
        name, at, how = text.rpartition("@")
        if not at or Path(text).exists():
            return cls(text, runtime, precision, threads)
        kind, _, bits = how.partition("/")
        return cls(name, cast(Runtime, kind), cast(Precision, bits or "auto"), threads)

    @property
    def label(self) -> str:
        """Its name: ``rife-fast``, ``rife-fast@openvino/int8``, ..."""
        if self.runtime == "torch" and self.precision in ("auto", "float32"):
            return self.model
        return f"{self.model}@{self.runtime}" + f"/{self.precision}" * (self.precision != "auto")

    @property
    def options(self) -> str:
        """The options of `vfi interpolate` that mean it."""
        words = ["-m", self.model, "--runtime", self.runtime, "--precision", self.precision]
        if self.threads is not None:
            words += ["--threads", str(self.threads)]
        if self.flow_scale is not None:
            words += ["--flow_scale", f"{self.flow_scale:g}"]
        return shlex.join(words)

    def load(self, device: str | torch.device | None = None) -> Interpolator:
        """The model, ready to run; see `vfi.load_model`."""
        return load_model(
            self.model, device, None, self.runtime, self.precision, threads=self.threads
        )


def plain(model: Interpolator) -> RIFE:
    """The network itself, whatever runtime it is in."""
    network: Any = model.network
    return network if isinstance(network, RIFE) else cast(RIFE, network.network)


def described(model: Interpolator) -> dict[str, str]:
    """The runtime and precision that a model really has."""
    network: Any = model.network
    if isinstance(network, RIFE):
        return dict(EAGER)
    return {"runtime": network.runtime, "precision": network.precision}


def fingerprint(model: Interpolator) -> str:
    """Names what decides a model's frames, besides the runtime: weights, shape, 8-bit ranges.

    In 8 bits the lean form does, too: how values are rounded is part of it. In what precision the
    rest runs does not count, as that differs from processor to processor.
    """
    network = plain(model)
    ranges: Mapping[str, Any] = getattr(model.network, "ranges", {})
    what = [
        digest(network.state_dict()),
        network.spec.to_dict(),
        sorted((name, r.low, r.high) for name, r in ranges.items()),
        *([FORM] if ranges else ()),
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def remember(way: Way, **why: object) -> Path:
    """Keeps a way for ``auto``, in the cache folder; gives the file.

    Raises:
        ValueError: if it cannot be written.
    """
    path = registry.cache_folder() / _FILE
    with atomic_path(path) as temporary:
        text = json.dumps({**why, "way": dataclasses.asdict(way)}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def remembered() -> Way:
    """What `remember` kept.

    Raises:
        ValueError: if there is nothing, or what there is is damaged.
    """
    path = registry.cache_folder() / _FILE
    anew = "run `vfi select --budget realtime --size WIDTHxHEIGHT`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"model auto: nothing was selected on this machine yet; {anew}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"model auto: {path} cannot be read ({error}); {anew}") from error
    try:
        check_record(content, {"way": _SCHEMA})
        return Way(**{name: content["way"][name] for name in _SCHEMA})
    except ValueError as error:
        raise ValueError(f"model auto: {path} is damaged: {error}; {anew}") from error


_SCHEMA = {
    "model": str,
    "runtime": str,
    "precision": str,
    "threads": (int, None),
    "flow_scale": (float, None),
}
