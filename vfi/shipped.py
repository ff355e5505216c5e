"""What comes with the package: released models and configurations, installed or in a checkout."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

_PACKAGE = Path(__file__).parent
_PREFIX = "configs"
_BASE = re.compile(r"^base:\s*(\S+)\s*$", re.MULTILINE)


def folder(name: str) -> Path:
    """The folder ``checkpoints`` or ``configs`` that comes with the package."""
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def configs() -> list[str]:
    """The names of all configurations, e.g. ``test/baseline.yaml``."""
    root = folder(_PREFIX)
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.yaml"))


def found(path: str | Path) -> Path:
    """The file or folder of that path, or what comes with the package under that name.

    Configurations and what they name work from anywhere: ``configs/test/baseline.yaml``, or
    ``test/baseline.yaml`` for short, is the package's own where there is none here.
    """
    path = Path(path)
    if path.exists() or path.is_absolute():
        return path
    name = path.relative_to(_PREFIX) if path.parts[:1] == (_PREFIX,) else path
    for candidate in (name, name.with_name(f"{name.name}.yaml")):
        if candidate.parts and (folder(_PREFIX) / candidate).exists():
            return folder(_PREFIX) / candidate
    return path


def with_bases(args: Sequence[str]) -> list[str]:
    """A command line in which every configuration is found, after the ones it is based on.

    A configuration may begin with ``base: test/base.yaml``: it then says only what differs from
    that one.
    """
    spelled: list[str] = []
    seen: set[Path] = set()
    words = iter(args)
    for word in words:
        option, equals, value = word.partition("=")
        if option in ("-c", "--config"):
            name = value if equals else next(words, None)
            if name is None:
                return [*spelled, word]
            for path in _chain(name, seen):
                spelled += ["-c", str(path)]
        else:
            spelled.append(word)
    return spelled


def _chain(name: str, seen: set[Path]) -> list[Path]:
    """A configuration after all that it is based on, but for those that were there before."""
    path = found(name)
    if path in seen:
        return []
    seen.add(path)
    if name.lstrip().startswith("{"):  # options themselves
        return [path]
    if not path.is_file():
        close = difflib.get_close_matches(name.removeprefix(f"{_PREFIX}/"), configs(), 1, 0.4)
        hint = f"did you mean {close[0]}? " if close else ""
        raise FileNotFoundError(f"there is no configuration {name}; {hint}`vfi config` lists them")
    base = _BASE.search(path.read_text(encoding="utf-8"))
    return [*(_chain(base[1], seen) if base else []), path]
