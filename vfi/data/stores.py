"""Clips that lie elsewhere: folders that fsspec reads (s3://, http://, memory://, ...)."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

from vfi._about import DISTRIBUTION
from vfi.data import chunked
from vfi.data.patience import TooSlowError, patiently

_EXTRA = f"pip install '{DISTRIBUTION}[stores]' brings what s3:// and http:// need"


def is_remote(root: str | os.PathLike[str]) -> bool:
    """Whether a root is an address, not a folder of this machine."""
    return "://" in str(root) or chunked.is_chunked(root)


def below(root: str, name: str) -> str:
    """The address of a file by its name at another."""
    return f"{root.rstrip('/')}{'::' if chunked.is_chunked(root) else '/'}{name}"


def listed(root: str) -> dict[str, int | None]:
    """All files below an address, at any depth: their names there, and sizes in bytes if known.

    Hidden ones are left out, as `vfi.files.visible_files` does.

    Raises:
        ValueError: if it cannot be reached, with the reason.
    """
    if chunked.is_chunked(root):
        return {name: row["bytes"] for name, row in chunked.chunked_clips(root).items()}
    store, path = _opened(root)
    try:
        found: dict[str, dict[str, Any]] = store.find(path, detail=True)
        if not found:
            store.ls(path)  # tells why: a search leaves out what it cannot reach
    except Exception as error:  # each kind of store has its own
        raise ValueError(f"cannot list {root}: {_reason(error)}; check the address") from error
    below = path.rstrip("/") + "/"
    return {
        name.removeprefix(below): about.get("size")
        for name, about in found.items()
        if not PurePosixPath(name).name.startswith(".")
    }


@contextlib.contextmanager
def fetched(address: str, patience: float) -> Iterator[IO[bytes]]:
    """A file with the contents of an address, which goes away afterwards.

    Args:
        address: of a file.
        patience: seconds to wait for each megabyte.

    Raises:
        NoRoomError: if the disk for temporary files is full.
        OSError: if it cannot be read, with the reason.
        TooSlowError: if it takes too long.
    """
    if chunked.is_chunked(address):
        yield chunked.chunked_file(address, patience)
        return
    with tempfile.TemporaryFile() as copy:
        try:
            for part in patiently(lambda: _parts(address), patience):
                _keep(part, copy)
        except (TooSlowError, NoRoomError):
            raise
        except Exception as error:  # each kind of store has its own
            raise OSError(f"cannot read {address}: {_reason(error)}") from error
        copy.seek(0)
        yield copy


class NoRoomError(OSError):
    """There is no room for a copy: a fault of this machine, not of what is copied."""


def _keep(part: bytes, copy: IO[bytes]) -> None:
    try:
        copy.write(part)
        copy.flush()
    except OSError as error:
        raise NoRoomError(
            f"a clip cannot be copied to {tempfile.gettempdir()} ({error.strerror}); make room "
            "there, or name a folder with room in TMPDIR"
        ) from error


def _parts(address: str) -> Iterator[bytes]:
    store, path = _opened(address)
    with store.open(path, "rb") as source:
        while part := source.read(1 << 20):
            yield part


def size_of(address: str) -> int:
    """Bytes of a file, 0 if the store does not tell."""
    store, path = _opened(address)
    return int(store.size(path) or 0)


def _opened(address: str) -> tuple[Any, str]:
    """The store of an address, and the path in it.

    Raises:
        ValueError: if fsspec or what it needs is not installed, or it does not know the kind.
    """
    try:
        import fsspec

        store, path = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ValueError(f"cannot open {address}: {error}; {_EXTRA}") from error
    return store, str(path)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
