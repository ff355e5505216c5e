"""Checkpoints that several processes wrote together, a folder each: of FSDP and of DeepSpeed.

Nothing in them is run: what they pickle is read with the few classes allowed that they consist of.
"""

import contextlib
import io
import os
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta, TensorStorageMetadata
from typing_extensions import override

from vfi.checkpoints.integrity import load_torch

_INDEX, _REST = ".metadata", "meta.pt"  # of FSDP: where which tensor lies, and what is no tensor
_LATEST, _STATES = "latest", "*model_states.pt"  # of DeepSpeed
_WEIGHTS = "state_dict."
_FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_ALLOWED = {
    "torch": {"Size", "float32", "float64", "float16", "bfloat16", "int64", "bool", "uint8"},
    "torch.serialization": {"_get_layout"},
    "pathlib": {"PosixPath", "PurePosixPath", "WindowsPath"},
    "pathlib._local": {"PosixPath", "PurePosixPath", "WindowsPath"},
    "torch.distributed.checkpoint.filesystem": {"_StorageInfo"},
    "torch.distributed.checkpoint.metadata": {
        *("BytesStorageMetadata", "ChunkStorageMetadata", "Metadata", "MetadataIndex"),
        *("StorageMeta", "TensorProperties", "TensorStorageMetadata", "_MEM_FORMAT_ENCODING"),
    },
}
"""What an index of FSDP consists of."""


def is_sharded(path: Path) -> bool:
    """Whether a folder is a checkpoint of several processes."""
    return (path / _INDEX).is_file() or (path / _LATEST).is_file()


def read_sharded(path: Path) -> dict[str, Any]:
    """The whole checkpoint, as one process would have written it, without optimizer states.

    Args:
        path: a folder for which `is_sharded`.

    Raises:
        OSError: if a file of it is missing or cannot be read.
        ValueError: if it is damaged, or holds more than a checkpoint does.
    """
    try:
        return _fsdp(path) if (path / _INDEX).is_file() else _zero(path)
    except (OSError, ValueError, ModuleNotFoundError):
        raise
    except (Exception, CheckpointException) as error:  # a type for each kind of damage
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"this folder is no whole checkpoint ({reason})") from error


class _Index(pickle.Unpickler):
    """Reads an index of FSDP and nothing that could be run."""

    @override
    def find_class(self, module: str, name: str, /) -> Any:
        if name not in _ALLOWED.get(module, ()):
            raise ValueError(f"its index holds {module}.{name}, which is never run")
        return super().find_class(module, name)


class _Reader(dcp.FileSystemReader):
    """torch's reader with a safe index."""

    @override
    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        content = Path(self.path, _INDEX).read_bytes()
        metadata = _Index(io.BytesIO(content)).load()
        if not isinstance(metadata, Metadata):
            raise ValueError("its index is none")
        metadata.storage_meta = metadata.storage_meta or StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


def _fsdp(path: Path) -> dict[str, Any]:
    rest: dict[str, Any] = load_torch(path / _REST)
    reader = _Reader(path)
    entries = reader.read_metadata().state_dict_metadata
    state: dict[str, Tensor] = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in entries.items()
        if name.startswith(_WEIGHTS) and isinstance(entry, TensorStorageMetadata)
    }
    with warnings.catch_warnings():  # that this is one process
        warnings.simplefilter("ignore", UserWarning)
        dcp.load(state, storage_reader=reader, no_dist=True)
    return {**rest, "state_dict": {name.removeprefix(_WEIGHTS): t for name, t in state.items()}}


def _zero(path: Path) -> dict[str, Any]:
    from deepspeed.utils import zero_to_fp32

    tag = (path / _LATEST).read_text(encoding="utf-8").strip()
    if Path(tag).name != tag:
        raise ValueError(f"its file {_LATEST!r} names no folder in it")
    files = sorted((path / tag).glob(_STATES))
    if not files:
        raise FileNotFoundError(2, "no model states", str(path / tag))
    told = io.StringIO()
    with _tensors_only(), contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        rest = torch.load(files[0], map_location="cpu", weights_only=True)
        lazy = zero_to_fp32.get_fp32_state_dict_from_zero_checkpoint(str(path), tag)
    state = {name.removeprefix("_forward_module."): t.detach().clone() for name, t in lazy.items()}
    return {"rife_spec": rest.get("rife_spec"), "state_dict": state}


@contextlib.contextmanager
def _tensors_only() -> Iterator[None]:
    """Has DeepSpeed, which would run what it reads, read tensors and its own plain classes."""
    from deepspeed.runtime.fp16.loss_scaler import LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    before = os.environ.get(_FORCED)
    os.environ[_FORCED] = "1"  # it asks for all, and this counts for more
    try:
        with torch.serialization.safe_globals([LossScaler, ZeroStageEnum, fragment_address]):
            yield
    finally:
        if before is None:
            del os.environ[_FORCED]
        else:
            os.environ[_FORCED] = before
