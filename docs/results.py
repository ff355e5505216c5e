"""Writes docs/results again, from a clean tree, as ``docs/results/commands.yaml`` says.

    python docs/results.py --dry-run
    python docs/results.py --ucf101 <ucf101_interp_ours> --clips <clips> --photos <photos>
    python docs/results.py --only ucf101/copy_frame rendered --ucf101 ... --photos ...

Each folder's commands run in ``runs/results``; what was done at this commit is not done again. When
all are done, the files go to docs/results, with a ``made.json`` in each folder: commands, commit,
machine, versions.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vfi.files import atomic_path
from vfi.reporting import environment, write_json

ROOT = Path(__file__).resolve().parents[1]
MADE = "made.json"
DATA = ("ucf101", "ucf101_clip", "clips", "photos")


@dataclass(frozen=True)
class Entry:
    """A folder of docs/results.

    Attributes:
        name: its path there.
        commands: what makes it, with places in braces.
        files: name there -> path where the commands write.
        machine: an instruction that the processor must have; "no ..." that it must not have.
        old: names of files of earlier forms of the commands.
    """

    name: str
    commands: tuple[str, ...]
    files: dict[str, str]
    machine: str = ""
    old: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, given: dict[str, Any]) -> "Entry":
        """From the table."""
        commands = [given["run"]] if isinstance(given["run"], str) else given["run"]
        files: dict[str, str] = {}
        for file in given["files"]:
            files |= file if isinstance(file, dict) else {file: file}
        old = tuple(given.get("old", ()))
        return cls(name, tuple(commands), files, given.get("machine", ""), old)

    def words(self, command: str, places: dict[str, str]) -> list[str]:
        """A command's words, with the places filled in."""
        return [word.format(**places) for word in shlex.split(command)]

    def missing(self, places: dict[str, str]) -> str:
        """Why it cannot be made here; nothing if it can."""
        needed = [n for n in DATA if any(f"{{{n}}}" in c for c in self.commands)]
        absent = [f"--{name}" for name in needed if name not in places]
        refused, _, instruction = self.machine.rpartition(" ")
        has = instruction in (environment()["cpu"]["instructions"] or [])
        if instruction and has == bool(refused):
            return f"needs a processor with {self.machine}"
        return f"needs {', '.join(absent)}" if absent else ""


def table(root: Path = ROOT) -> list[Entry]:
    """All folders of docs/results, in the order in which they are made."""
    text = (root / "docs/results/commands.yaml").read_text(encoding="utf-8")
    return [Entry.of(name, given) for name, given in yaml.safe_load(text).items()]


def commit(root: Path) -> str:
    """The commit of a clean tree.

    Raises:
        ValueError: if files differ from it.
    """
    git = ["git", "-C", str(root)]
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if changed:
        raise ValueError(
            f"these files differ from the commit, so nobody could make the figures again: commit "
            f"or restore them\n{changed.rstrip()}"
        )
    done = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make(entry: Entry, root: Path, places: dict[str, str], now: str) -> Path:
    """Runs an entry's commands, unless they were run at this commit; gives where the files are.

    Raises:
        ValueError: if a command fails, or leaves a file out.
    """
    out = root / "runs/results" / entry.name
    begun, made = out / ".commit", out / MADE
    if begun.exists() and begun.read_text(encoding="utf-8") != now:
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    begun.write_text(now, encoding="utf-8")
    if made.exists():
        sys.stdout.write(f"{entry.name}: done before\n")
        return out
    for command in entry.commands:
        words = entry.words(command, {**places, "out": str(out.relative_to(root))})
        sys.stdout.write(f"{entry.name}: {shlex.join(words)}\n")
        sys.stdout.flush()
        program = [sys.executable, *(["-m", "vfi"] if words[0] == "vfi" else [])]
        status = subprocess.run([*program, *words[1:]], cwd=root, check=False).returncode
        if status:
            raise ValueError(f"{entry.name}: status {status}; the same command goes on from here")
    if absent := [path for path in entry.files.values() if not (out / path).is_file()]:
        raise ValueError(f"{entry.name}: its commands did not write {', '.join(absent)}")
    write_json({"commands": entry.commands, "environment": environment()}, made)
    return out


def keep(entry: Entry, root: Path, out: Path) -> None:
    """Copies an entry's files to docs/results."""
    for name, path in {**entry.files, MADE: MADE}.items():
        with atomic_path(root / "docs/results" / entry.name / name) as temporary:
            shutil.copyfile(out / path, temporary)
    for name in entry.old:
        (root / "docs/results" / entry.name / name).unlink(missing_ok=True)


def main(args: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line; 2 if something is in the way."""
    entries = table(root)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [entry.name for entry in entries]
    parser.add_argument("--only", nargs="+", choices=names, metavar="FOLDER", default=names)
    parser.add_argument("--dry-run", action="store_true", help="list the commands, run nothing")
    for name in DATA:
        parser.add_argument(f"--{name}", help="a folder, or of ucf101_clip a file")
    options = parser.parse_args(args)
    given = {n: str(Path(p).resolve()) for n in DATA if (p := getattr(options, n))}
    shown = {name: f"<{name}>" for name in DATA} | given | {"out": "<out>"}
    wanted = [entry for entry in entries if entry.name in options.only]
    able = [entry for entry in wanted if not entry.missing(given)]
    for entry in wanted:
        if reason := entry.missing(given):
            sys.stdout.write(f"{entry.name}: left out, {reason}\n")
        for command in entry.commands if options.dry_run else ():
            sys.stdout.write(f"  {' '.join(entry.words(command, shown))}\n")
    if options.dry_run:
        return 0
    try:
        now = commit(root)
        made = [make(entry, root, given, now) for entry in able]
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    for entry, out in zip(able, made, strict=True):
        keep(entry, root, out)
    sys.stdout.write(f"{len(able)} folders of docs/results were written at {now[:12]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
