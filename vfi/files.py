"""Writing and identifying files: nothing half-written is ever left under a final name."""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that is renamed to it on success, removed on failure.

    The temporary name keeps the suffix, so writers that choose a format by suffix work unchanged.

    Raises:
        ValueError: if ``path`` cannot be written (its folder cannot be made, is not writable, or
            ``path`` is a folder).
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; give the path of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix
        )
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {error.strerror}; choose a folder you can write to"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes files private
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def writable_folder(path: str | os.PathLike[str]) -> Path:
    """Makes the folder ``path`` and proves that files can be written in it, before work is done.

    Raises:
        ValueError: if it cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write to the folder {path}: {error.strerror}; choose another one"
        ) from error
    return path


def visible_files(folder: str | os.PathLike[str], suffixes: Collection[str]) -> list[Path]:
    """The files of a folder with one of the suffixes (in small letters), in no order.

    Hidden ones are left out: on other disks macOS keeps what it notes of ``a.png`` in ``._a.png``.
    """
    return [
        path
        for path in Path(folder).iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    ]


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def natural_key(text: str) -> tuple[list[tuple[int, int | str]], str]:
    """A sorting key under which ``frame_10`` follows ``frame_9``, the same on every system."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], text
