"""What comes with the package: released models and configurations, installed or in a checkout."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent
_PREFIX = "configs"

_MOST_NODES = 100_000

_MOVED = {
    "baseline.yaml": "test/baseline.yaml",
    "average_frames.yaml": "test/average.yaml",
    "copy_frame.yaml": "test/copy.yaml",
    "prune.yaml": "prune/aware.yaml",
    "prune_naive.yaml": "prune/naive.yaml",
    "prune_finetune.yaml": "prune/finetune.yaml",
    "plan.yaml": "prune/plan.yaml",
    "finetune.yaml": "fit/prune.yaml",
    "finetune_quality.yaml": "fit/quality.yaml",
    "rife_fast.yaml": "fit/fast.yaml",
    "rife_tiny.yaml": "fit/tiny.yaml",
    "further.yaml": "fit/further.yaml",
    "predict.yaml": "predict/frames.yaml",
    "sweep.yaml": "sweep/ratios.yaml",
    "sweep_finetuned.yaml": "sweep/finetuned.yaml",
    "sweep_heldout.yaml": "sweep/heldout.yaml",
    "multi_gpu.yaml": "strategy/multi_gpu.yaml",
    "deepspeed.yaml": "strategy/deepspeed.yaml",
}
"""Where configurations are now that commands of earlier releases, and cards, name."""


def folder(name: str) -> Path:
    """The folder ``checkpoints`` or ``configs`` that comes with the package."""
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def configs() -> list[str]:
    """The names of all configurations, e.g. ``test/baseline.yaml``."""
    root = folder(_PREFIX)
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.yaml"))


def found(path: str | os.PathLike[str]) -> Path:
    """The file or folder of that path, or what comes with the package under that name.

    Configurations and what they name work from anywhere: ``configs/test/baseline.yaml``, or
    ``test/baseline.yaml`` for short, is the package's own where there is none here.
    """
    path = Path(path)
    if path.exists() or path.is_absolute():
        return path
    name = path.relative_to(_PREFIX) if path.parts[:1] == (_PREFIX,) else path
    root = folder(_PREFIX)
    for candidate in (name.as_posix(), f"{name.as_posix()}.yaml", _MOVED.get(name.as_posix())):
        if candidate and candidate != "." and (root / candidate).exists():
            return root / candidate
    return path


def config(name: str) -> Path:
    """The configuration of that name or path.

    Raises:
        FileNotFoundError: if there is none, with the nearest name.
    """
    path = found(name)
    if not path.is_file():
        close = difflib.get_close_matches(name.removeprefix(f"{_PREFIX}/"), configs(), 1, 0.4)
        hint = f"did you mean {close[0]}? " if close else ""
        raise FileNotFoundError(f"there is no configuration {name}; {hint}`vfi config` lists them")
    return path


def with_bases(args: Sequence[str]) -> list[str]:
    """A command line in which every configuration is found, after the ones it is based on; as its
    text if there are more letters in it than ASCII has.

    A configuration may begin with ``base: test/base.yaml``: it then says only what differs from
    that one.

    Raises:
        FileNotFoundError: if there is no such configuration.
        ValueError: if it cannot be read.
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
            if name.lstrip().startswith("{"):  # options themselves
                spelled += ["-c", name]
                continue
            for path in _chain(name, seen):
                text = path.read_text(encoding="utf-8")
                # The parser would read the file in the system's encoding, not always UTF-8.
                spelled += ["-c", str(path) if text.isascii() else text]
        else:
            spelled.append(word)
    return spelled


def _chain(name: str, seen: set[Path]) -> list[Path]:
    """A configuration after all that it is based on, but for those that were there before."""
    path = config(name)
    if path in seen:
        return []
    seen.add(path)
    base = _base(path)
    return [*(_chain(base, seen) if base else []), path]


def _base(path: Path) -> str | None:
    """What a configuration is based on, if it is YAML in UTF-8 that gives options by name once.

    Raises:
        ValueError: if it is anything else, with the file and where in it.
    """
    import yaml  # nothing but configurations needs it

    try:
        text = path.read_text(encoding="utf-8")
        whole = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if not isinstance(whole, yaml.MappingNode):
            raise ValueError("it holds no options; write lines of name: value")
        _check_nodes(whole)
        base = next((value for name, value in whole.value if name.value == "base"), None)
        if base is not None and base.id != "scalar":
            raise ValueError(f"its base is a {base.id}; name one configuration")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no configuration: it is no text in UTF-8") from error
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).replace('in "<unicode string>", ', "in ").split())
        raise ValueError(f"{path} is no configuration: {reason}") from error
    return base.value if base is not None and not base.tag.endswith(":null") else None


def _check_nodes(whole: Any) -> None:
    """Raises ValueError for a name given twice, of which YAML would drop the first, and for aliases
    that unfold without end."""
    nodes = [whole]
    for node in nodes:  # grows on the way: an alias counts wherever it stands
        if len(nodes) > _MOST_NODES:
            raise ValueError(f"its *aliases unfold into more than {_MOST_NODES} values")
        if node.id == "mapping":
            names = [name.value for name, _ in node.value]
            for place, (name, value) in enumerate(node.value):
                if name.value in names[:place]:
                    line = name.start_mark.line + 1
                    raise ValueError(f"line {line} gives {name.value!r} again; keep one of them")
                nodes.append(value)
        elif node.id == "sequence":
            nodes += node.value
