"""The job that lists the configurations that come with the package, or writes one out."""

import sys
from pathlib import Path

from vfi import reporting, shipped
from vfi.files import atomic_path


def config(name: str | None = None, output: str | None = None) -> None:
    """Lists the configurations that come along, or writes one out, to be changed.

    Every command takes them as they are, too: ``vfi test -c test/baseline.yaml``. One that begins
    with ``base: NAME`` says only what differs from that one.

    Args:
        name: e.g. test/baseline.yaml; all are listed if not given.
        output: the file to write; standard output if not given.

    Raises:
        FileNotFoundError: if there is none of that name.
        ValueError: if the file cannot be written.
    """
    root = shipped.folder("configs")
    if name is None:
        rows = [{"name": known, "for": _purpose(root / known)} for known in shipped.configs()]
        reporting.table("vfi COMMAND -c NAME", rows)
        return
    text = shipped.config(name).read_text(encoding="utf-8")
    if output is None:
        sys.stdout.write(text)
        return
    with atomic_path(Path(output)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _purpose(path: Path) -> str:
    """The first sentence of the comment at its top."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.lstrip("# ") for line in lines[:3] if line.startswith("# "))
    return comment.partition(":")[0].partition(". ")[0].partition("vfi ")[0].strip().rstrip(".")
