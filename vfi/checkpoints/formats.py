"""Weights with their spec: what is read from and written to files.

Three kinds of file are understood, told apart by their contents: the authors' state dicts (a
``.pkl``), Lightning checkpoints of this project (``.ckpt``, a folder if several processes wrote it
under FSDP or DeepSpeed), and this project's own format, a safetensors file whose metadata holds

- ``rife_spec``: the network's `RIFESpec` as JSON;
- ``sha256``: a digest of all tensors, so that damage is noticed;
- ``vfi_format``: the version of this layout;
- anything else that whoever saved it wanted to tell (name, parent, licence, ...).
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from vfi.checkpoints.integrity import load_torch
from vfi.files import atomic_path
from vfi.models import RIFE, SAME_SHAPE, VARIANTS, Options, RIFESpec

logger = logging.getLogger(__name__)

FORMAT_VERSION = "1"
_RESERVED = ("format", "rife_spec", "sha256", "vfi_format")
_NETWORK_PREFIX = "network."  # where the LightningModule keeps the network
_PARALLEL_PREFIX = "module."  # left in the authors' files by DistributedDataParallel
_TEACHER_PREFIX = "block_tea."
_TRAINING_PREFIXES = ("teacher.", "caltime.")  # parts of the later networks that nothing here runs
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_LISTED = 8  # problems quoted in one error message


@dataclass(frozen=True)
class Checkpoint:
    """A network at rest: tensors that fit a spec.

    Attributes:
        spec: the shape of the network.
        state: its tensors by name, exactly those of ``RIFE(spec)``, all finite.
        metadata: free text that came with the file.

    Raises:
        ValueError: if the tensors do not fit the spec or hold NaN or infinity.
    """

    spec: RIFESpec
    state: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = misfits(self.state, self.spec) or [
            f"not finite: {name}" for name, t in self.state.items() if not t.isfinite().all()
        ]
        if problems:
            raise ValueError(f"unusable weights for {self.spec.variant}: {listed(problems)}")

    def build(self, teacher: bool = False, options: Options | None = None) -> RIFE:
        """The network in float32 and eval mode.

        Args:
            teacher: keep the training-only teacher block.
            options: what to change of the spec.

        Raises:
            ValueError: if a teacher is asked of weights that have none, or the spec cannot be
                changed as asked.
        """
        spec, options = self.spec, options or Options()
        if teacher and spec.teacher is None:
            raise ValueError(
                f"these {spec.variant} weights have no teacher block; load them with teacher=False"
            )
        if not teacher:
            spec = spec.for_inference()
        with torch.device("meta"):  # draws no random numbers, needs no second copy
            network = RIFE(options.apply(spec))
        state = {
            name: self.state[options.original(name)].to("cpu", torch.float32, copy=True)
            for name in network.state_dict()
        }
        state = {name: tensor.contiguous() for name, tensor in state.items()}
        network.load_state_dict(state, assign=True)
        return network.eval()


def misfits(state: Mapping[str, Tensor], spec: RIFESpec) -> list[str]:
    """What keeps ``state`` from being the state dict of ``RIFE(spec)``, one line a tensor.

    In the network's order; tensors that it does not have come last.
    """
    with torch.device("meta"):
        expected = {name: tuple(t.shape) for name, t in RIFE(spec).state_dict().items()}
    problems = []
    for name, shape in expected.items():
        if name not in state:
            problems.append(f"missing: {name}")
        elif tuple(state[name].shape) != shape:
            problems.append(f"{name} has shape {tuple(state[name].shape)} instead of {shape}")
        elif state[name].dtype not in _FLOATS:
            problems.append(f"{name} holds {state[name].dtype} instead of floats")
    return problems + [f"unexpected: {name}" for name in state if name not in expected]


def listed(problems: list[str]) -> str:
    """The first few problems and a count of the others."""
    rest = len(problems) - _LISTED
    return "; ".join(problems[:_LISTED]) + (f"; and {rest} more" if rest > 0 else "")


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Reads any kind of weights file, or folder of a sharded checkpoint.

    Raises:
        FileNotFoundError: if there is none at ``path``.
        ValueError: if it is damaged, unsafe, or not the weights of a RIFE network.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.exists() and not path.is_file():
            raise ValueError("it is a device or a pipe; give the path of a file")
        with path.open("rb") as file:
            head = file.read(9)
        # A safetensors file is the length of its header in 8 bytes, then JSON.
        return _read_safetensors(path) if head[8:] == b"{" else _read_torch(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no weights file {path}") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot use {path}: {error}") from error


def write(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> None:
    """Writes the project's own format, atomically.

    Raises:
        ValueError: if ``path`` cannot be written or a metadata name is reserved.
    """
    reserved = sorted(set(_RESERVED) & set(checkpoint.metadata))
    if reserved:
        raise ValueError(f"metadata may not be named {reserved}: these names describe the format")
    state = {name: t.detach().cpu().contiguous() for name, t in checkpoint.state.items()}
    metadata = {
        **checkpoint.metadata,
        "format": "pt",
        "rife_spec": json.dumps(checkpoint.spec.to_dict()),
        "sha256": digest(state),
        "vfi_format": FORMAT_VERSION,
    }
    content = _in_order(safetensors.torch.save(state, metadata))
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _in_order(content: bytes) -> bytes:
    """A file with a sorted header: the order of safetensors varies, and so would its hash."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)  # what follows is aligned
    return len(header).to_bytes(8, "little") + header + content[end:]


def digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values of tensors, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """A short hash of what a model computes: its modules and weights."""
    return hashlib.sha256(f"{model} {digest(model.state_dict())}".encode()).hexdigest()[:16]


def _read_safetensors(path: Path) -> Checkpoint:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"damaged or incomplete safetensors file ({error})") from error
    if "rife_spec" not in metadata:
        raise ValueError("its metadata has no rife_spec; it was not saved by this project")
    if metadata.get("vfi_format") != FORMAT_VERSION:
        raise ValueError(
            f"it has format version {metadata.get('vfi_format')!r}; this release reads "
            f"{FORMAT_VERSION!r}"
        )
    if metadata.get("sha256") != digest(state):
        raise ValueError("its tensors do not match their SHA-256: it is damaged, get it again")
    try:
        spec = RIFESpec.from_dict(json.loads(metadata["rife_spec"]))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"its rife_spec is no JSON ({error})") from error
    free = {name: text for name, text in metadata.items() if name not in _RESERVED}
    return Checkpoint(spec, state, free)


def _read_torch(path: Path) -> Checkpoint:
    content = load_torch(path)
    if isinstance(content, dict) and "state_dict" in content:
        return _from_lightning(content)
    if not _is_state_dict(content):
        raise ValueError(f"it holds no state dict but a {type(content).__name__}")
    return _from_authors(content)


def _read_folder(path: Path) -> Checkpoint:
    from vfi.checkpoints.sharded import is_sharded, read_sharded  # loads torch.distributed

    if not is_sharded(path):
        raise ValueError("it is a folder; give the weights file itself, e.g. flownet.pkl")
    return _from_lightning(read_sharded(path))


def _is_state_dict(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    )


def _from_lightning(content: dict[str, Any]) -> Checkpoint:
    if "rife_spec" not in content or not _is_state_dict(content["state_dict"]):
        raise ValueError("it is a checkpoint without rife_spec; this project did not write it")
    state = {
        name.removeprefix(_NETWORK_PREFIX): tensor
        for name, tensor in content["state_dict"].items()
        if name.startswith(_NETWORK_PREFIX)
    }
    return Checkpoint(RIFESpec.from_dict(content["rife_spec"]), state)


def _from_authors(content: dict[str, Tensor]) -> Checkpoint:
    """Recognises which official network this is: the one that the tensors fit best."""
    state = {name.removeprefix(_PARALLEL_PREFIX): tensor for name, tensor in content.items()}
    state = {name: t for name, t in state.items() if not name.startswith(_TRAINING_PREFIXES)}
    has_teacher = any(name.startswith(_TEACHER_PREFIX) for name in state)
    specs = [spec if has_teacher else spec.for_inference() for spec in VARIANTS.values()]
    best = min(specs, key=lambda spec: len(misfits(state, spec)))
    if problems := misfits(state, best):
        raise ValueError(
            f"it is none of {sorted(VARIANTS)}; the closest is {best.variant}, and what does not "
            f"fit begins with {listed(problems)}"
        )
    others = [name for name, same in SAME_SHAPE.items() if same == best.variant]
    logger.info("these are weights of %s", " or ".join([best.variant, *others]))
    return Checkpoint(best, state)
