"""Whether the files of an input are still what they were when it was opened."""

from collections.abc import Iterable
from pathlib import Path

States = dict[Path, tuple[int, int] | None]
"""The size and the time of the last change of each file; None of one that is not there."""


def states(paths: Iterable[Path]) -> States:
    """What tells one version of each file from another; folders and pipes do not count."""
    return {path: _state(path) for path in paths if not path.is_dir()}


def changes(before: States) -> list[str]:
    """A sentence on each file that is another one by now, the first few of them."""
    now = states(before)
    changed = [path for path in before if now.get(path) != before[path]]
    lines = [_change(path, before[path], now.get(path)) for path in changed[:_NAMED]]
    more = len(changed) - _NAMED
    return [*lines, f"{more} further files changed while they were read"] if more > 0 else lines


_NAMED = 3


def _change(path: Path, before: tuple[int, int] | None, now: tuple[int, int] | None) -> str:
    if now is None:
        how = "was taken away"
    elif before is None or now[0] == before[0]:
        how = "was written anew"
    else:
        how = f"went from {before[0]:,} to {now[0]:,} bytes"
    return f"{path.name} {how} while it was read; the output may hold a part of it only"


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
