"""The ``index`` job: looks at all clips of a folder or store, once for all trainings."""

import dataclasses
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from vfi import reporting
from vfi.data.clips import Clip, find_clips
from vfi.data.index import Entry, look_at, read_index, root_of_index
from vfi.data.loading import most_workers
from vfi.data.patience import check_patience, within
from vfi.data.stores import is_remote
from vfi.measure.conditions import check_positive

logger = logging.getLogger(__name__)

_EVERY = 10.0  # seconds between two savings
_NAMED = 10  # clips named in a warning; the file has all


def index(root: str, output: str = "clips.json", patience: float = 60.0, workers: int = 4) -> None:
    """Writes what trainings want to know of clips: names, sizes, frames, contents.

    It is saved all the while: the same command goes on where it was stopped, and looks again at
    what has another size or could not be read; at all clips if the file is of another root.
    ``fit --data.train.index`` takes it.

    Args:
        root: a folder, at any depth, or an address that fsspec knows: s3://..., http://...
        output: a .json file; a .csv beside it has the same rows.
        patience: seconds that a clip may take; one that takes longer is named and left out.
        workers: clips looked at together.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no clip that can be read or cannot be reached, or the output is no
            .json.
    """
    check_positive(workers=workers)
    if workers > most_workers():
        raise ValueError(f"workers is {workers}; it must be at most {most_workers()} here")
    check_patience(patience)
    path = Path(output)
    if path.suffix != ".json":
        raise ValueError(f"output is {output}; give the name of a .json file")
    clips = find_clips(root)
    root = root if is_remote(root) else str(Path(root).resolve())
    known = {entry.name: entry for entry in read_index(path)} if path.exists() else {}
    if known and (other := root_of_index(path)) != root:
        logger.warning("%s was of %s: all clips are looked at again", path, other)
        known = {}
    found = {clip.name: known[clip.name] for clip in clips if _holds(clip, known, patience)}
    new = [clip for clip in clips if clip.name not in found]
    _write(found, clips, root, path)
    saved = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        looked = pool.map(partial(look_at, seconds=patience), new)
        for entry in track(looked, "clips", len(new), console=Console(stderr=True), transient=True):
            found[entry.name] = entry
            if time.monotonic() - saved > _EVERY:
                _write(found, clips, root, path)
                saved = time.monotonic()
    _write(found, clips, root, path)
    _tell(list(found.values()), len(new), path)
    if all(entry.error is not None for entry in found.values()):
        raise ValueError(f"no clip of {root} can be read, {path} tells why; give another folder")


def _holds(clip: Clip, known: dict[str, Entry], patience: float) -> bool:
    """Whether the clip was read before, and has the size that it had."""
    entry = known.get(clip.name)
    if entry is None or entry.error is not None:
        return False
    try:
        return within(patience, clip.bytes) == entry.bytes
    except (ValueError, OSError):
        return False


def _write(found: dict[str, Entry], clips: list[Clip], root: str, path: Path) -> None:
    rows = [dataclasses.asdict(found[clip.name]) for clip in clips if clip.name in found]
    reporting.write_json({"root": root, "clips": rows}, path)
    reporting.write_csv(rows, path.with_suffix(".csv"))


def _tell(entries: list[Entry], new: int, path: Path) -> None:
    bad = [entry for entry in entries if entry.error is not None]
    for entry in bad[:_NAMED]:
        logger.warning("%s is left out: %s", entry.name, entry.error)
    if len(bad) > _NAMED:
        logger.warning("%d more are left out: %s has them all", len(bad) - _NAMED, path)
    logger.info(
        "%s: %d clips, %d looked at now, %d frames, %.1f GB",
        path, len(entries) - len(bad), new, sum(entry.frames for entry in entries),
        sum(entry.bytes for entry in entries) / 1e9,
    )  # fmt: skip
