"""How checkpoints reach the disk: whole, or not at all."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO
from typing_extensions import override

from vfi.checkpoints.integrity import DIGEST_KEY, content_digest, load_torch
from vfi.files import atomic_path


class SafeCheckpointIO(CheckpointIO):
    """Writes beside the target, syncs and renames; reads only what is undamaged.

    Lightning's own writes to the temporary folder and copies from there: on a full disk, half a
    checkpoint is left under its final name. Here the old file stays until the new one is on disk.
    """

    @override
    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any | None = None,
    ) -> None:
        """Writes a checkpoint with a digest of what is in it.

        Raises:
            ValueError: if it cannot be written; what was there before is left as it is.
        """
        content = {**checkpoint, DIGEST_KEY: content_digest(checkpoint)}
        with atomic_path(path, sync=True) as temporary, temporary.open("wb") as file:
            torch.save(content, file)

    @override
    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Reads a checkpoint, never more than tensors and plain data.

        Raises:
            FileNotFoundError: if there is none at ``path``.
            ValueError: if it is damaged or no checkpoint.
        """
        try:
            content = load_torch(path, map_location or "cpu")
            if not isinstance(content, dict) or "state_dict" not in content:
                raise ValueError("it is no checkpoint of fit; give weights by --model.network")
        except FileNotFoundError as error:
            raise FileNotFoundError(f"there is no checkpoint {path}") from error
        except (OSError, ValueError) as error:
            raise ValueError(f"cannot use {path}: {error}") from error
        return content

    @override
    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        Path(path).unlink(missing_ok=True)
