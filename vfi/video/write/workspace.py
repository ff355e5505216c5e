"""The folder beside the output in which an unfinished job keeps what it has done."""

import json
import logging
import shutil
from pathlib import Path

from vfi.files import atomic_path, writable_folder

logger = logging.getLogger(__name__)

_SUFFIX = ".parts"
_RECORD = "job.json"


class Workspace:
    """Opens the folder of a job, going on with what is there or starting again.

    Args:
        output: the file or folder the job makes.
        record: everything that the frames depend on, as plain values.
        resume: go on with an unfinished job.

    Attributes:
        folder: the folder.

    Raises:
        ValueError: if it cannot be written, or the unfinished job was another one.
    """

    def __init__(self, output: Path, record: dict[str, object], resume: bool) -> None:
        self.folder = output.with_name(output.name + _SUFFIX)
        record = json.loads(json.dumps(record))
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
        if self.folder.exists():
            if known is None and any(self.folder.iterdir()):
                raise ValueError(f"{self.folder} is in the way and is no unfinished job; remove it")
            shutil.rmtree(self.folder)
        writable_folder(self.folder)
        with atomic_path(self.folder / _RECORD) as path:
            path.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def _known_record(self) -> dict[str, object] | None:
        try:
            return json.loads((self.folder / _RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def strip(self) -> None:
        """Removes the record, so that only the work remains."""
        (self.folder / _RECORD).unlink()

    def remove(self) -> None:
        """Deletes the folder and all in it."""
        shutil.rmtree(self.folder)


def file_identity(path: Path) -> list[object]:
    """What tells one version of a file or folder from another without reading it all."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
