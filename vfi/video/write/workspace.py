"""The folder beside the output in which an unfinished job keeps what it has done."""

import json
import logging
import shutil
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

from vfi.files import atomic_path, writable_folder
from vfi.video.read.y4m import PIPE

logger = logging.getLogger(__name__)

_SUFFIX = ".parts"
_RECORD = "job.json"
_LOCK = "lock"


class Workspace:
    """Opens the folder of a job, going on with what is there or starting again.

    Args:
        output: the file or folder the job makes.
        record: everything that the frames depend on, as plain values.
        resume: go on with an unfinished job.

    Attributes:
        folder: the folder.

    Raises:
        ValueError: if it cannot be written, another run is at work in it, or the unfinished job was
            another one.
    """

    def __init__(self, output: Path, record: dict[str, object], resume: bool) -> None:
        self.folder = output.with_name(output.name + _SUFFIX)
        record = json.loads(json.dumps(record))
        self._lock = _locked(self.folder, output)
        try:
            self._enter(record, resume)
        except BaseException:
            self.close()
            raise

    def _enter(self, record: dict[str, object], resume: bool) -> None:
        known = self._known_record()
        if known is not None and resume:
            changed = sorted(key for key in {*known, *record} if known.get(key) != record.get(key))
            if changed:
                raise ValueError(
                    f"the unfinished job in {self.folder} had another {', '.join(changed)}; "
                    "repeat the command as it was, or leave --resume out to start again"
                )
            logger.info("going on with the unfinished job in %s", self.folder)
            return
        stale = [path for path in self.folder.iterdir() if path.name != _LOCK]
        if known is None and stale:
            raise ValueError(f"{self.folder} is in the way and is no unfinished job; remove it")
        for path in stale:
            path.unlink()
        with atomic_path(self.folder / _RECORD) as path:
            path.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def _known_record(self) -> dict[str, object] | None:
        try:
            return json.loads((self.folder / _RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def become(self, output: Path) -> None:
        """Gives the folder, with only the work in it, the output's name."""
        (self.folder / _RECORD).unlink()
        self.close()
        (self.folder / _LOCK).unlink(missing_ok=True)
        self.folder.rename(output)

    def remove(self) -> None:
        """Deletes the folder and all in it."""
        gone = self.folder.with_name(f".{self.folder.name}.{uuid.uuid4().hex[:8]}")
        try:
            self.folder.rename(gone)  # at once, so that no other run finds half of it
        except OSError:  # as on Windows, where the lock is an open file
            gone = self.folder
            self.close()
        shutil.rmtree(gone)
        self.close()

    def close(self) -> None:
        """Lets other runs in; what is done stays."""
        self._lock.release()


def file_identity(path: Path) -> list[object]:
    """What tells one version of a file or folder from another without reading it all.

    Of a pipe nothing does.
    """
    if path == PIPE:
        return []
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _locked(folder: Path, output: Path) -> FileLock:
    """Takes the folder for this process; the system gives it back when the process ends."""
    while True:
        lock = FileLock(writable_folder(folder) / _LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise ValueError(
                f"another run is writing {output}; wait for its end or give another name"
            ) from None
        except FileNotFoundError:
            continue  # the run before has just finished and taken the folder away
        if (folder / _LOCK).exists():
            return lock
        lock.release()
