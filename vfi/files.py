"""Writing and identifying files: nothing half-written is ever left under a final name."""

import contextlib
import errno
import hashlib
import logging
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import filelock

logger = logging.getLogger(__name__)

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextlib.contextmanager
def atomic_path(
    path: str | os.PathLike[str], sync: bool = False, folder: Path | None = None
) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that is renamed to it on success, removed on failure.

    The temporary name keeps the suffix, so writers that choose a format by suffix work unchanged.

    Args:
        path: the final name.
        sync: wait until the contents are on the disk before renaming: for what must survive a
            power failure.
        folder: where the temporary path lies instead, on the same disk: a kill leaves nothing
            beside ``path``.

    Raises:
        ValueError: if ``path`` cannot be written (its folder cannot be made, is not writable, the
            disk is full, or ``path`` is a folder, a device or a pipe: renaming would replace it).
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "device or a pipe"
        raise ValueError(f"cannot write {path}: it is a {kind}; give the path of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=folder or path.parent, prefix=f".{path.stem}.", suffix=path.suffix
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
        if sync:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        if reason := _no_room(error):
            raise ValueError(
                f"cannot write {path}: {reason}; make room or choose another folder (what was "
                "there before is unchanged)"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _no_room(error: BaseException | None) -> str | None:
    """The system's words for a disk that is full or failing, if that is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return error.strerror
        error = error.__cause__ or error.__context__
    return None


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


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keeps a run folder for one process; the lock ends with it, however it ends.

    Raises:
        ValueError: if another process has it, or the folder cannot be written to.
    """
    lock = filelock.FileLock(writable_folder(folder) / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ValueError(
            f"another run is at work in {folder}; wait for its end, or choose another folder"
        ) from None
    except (OSError, NotImplementedError) as error:  # a file system without locks
        logger.warning("cannot lock %s (%s): start no second run in it", folder, error)
    try:
        yield
    finally:
        lock.release()


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return sha256_of(file)


def sha256_of(file: IO[bytes]) -> str:
    """The SHA-256 of what is left of an open file."""
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def natural_key(text: str) -> tuple[list[tuple[int, int | str]], str]:
    """A sorting key under which ``frame_10`` follows ``frame_9``, the same on every system."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], text


def check_not_input(output: Path, inputs: Collection[Path]) -> None:
    """Makes sure that writing does not change what is read, whatever names and links lead to it.

    Raises:
        ValueError: if ``output`` is one of the files.
    """
    for path in inputs:
        same = os.path.realpath(output) == os.path.realpath(path)
        if same or (output.exists() and output.samefile(path)):
            raise ValueError(f"{output} is the input {path}; give the output another name")
