"""Whether a file that ``torch.save`` wrote is still what was written.

torch reads its zip files without looking at their checksums: a flipped bit becomes another weight.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

DIGEST_KEY = "vfi_sha256"
"""Where this project's checkpoints keep the digest of everything else in them."""


def load_torch(path: str | os.PathLike[str], map_location: Any = "cpu") -> Any:
    """What ``torch.save`` wrote to a file: tensors and plain data, nothing that could be run.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged, or holds more than that.
    """
    check_zip(path)
    try:
        with Path(path).open("rb") as file:  # by its contents: torch goes by the suffix of a path
            content = torch.load(file, map_location=map_location, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch raises a different type for each kind of damage
        raise ValueError(
            "it is not a weights file, is cut short, or holds Python objects besides tensors, "
            f"which are never run ({type(error).__name__})"
        ) from error
    if isinstance(content, dict) and DIGEST_KEY in content:
        written = content.pop(DIGEST_KEY)
        if written != content_digest(content):
            raise ValueError("it does not match its SHA-256: it is damaged, use another copy")
    return content


def check_zip(path: str | os.PathLike[str]) -> None:
    """Compares a zip file with its checksums; other files pass.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if a part does not match.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError("it is a folder or a device; give the weights file itself")
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is damaged ({error}); use another copy") from error
    if bad:
        raise ValueError(f"it is damaged: {bad} does not match its checksum; use another copy")


def content_digest(content: Any) -> str:
    """SHA-256 of nested dictionaries, lists, tensors and plain values."""
    digest = hashlib.sha256()
    _feed(digest, content)
    return digest.hexdigest()


def _feed(digest: Any, content: Any) -> None:
    if isinstance(content, torch.Tensor):
        flat = content.detach().cpu().contiguous().reshape(-1)
        digest.update(f"T{flat.dtype}{tuple(content.shape)}".encode())
        digest.update(flat.view(torch.uint8).numpy())
    elif isinstance(content, Mapping):
        digest.update(f"D{len(content)}".encode())
        for key, value in content.items():
            _feed(digest, key)
            _feed(digest, value)
    elif isinstance(content, list | tuple):
        digest.update(f"L{len(content)}".encode())
        for value in content:
            _feed(digest, value)
    else:
        digest.update(f"V{type(content).__name__}{content!r};".encode())
