"""What the documentation site adds to the pages: references made from the code, links that hold.

MkDocs calls the ``on_...`` functions; see ``hooks`` in ``mkdocs.yml``.
"""

import inspect
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from vfi.commands import COMMANDS, GROUPS  # noqa: E402
from vfi.parsing import parser_of  # noqa: E402

LIGHTNING = ("fit", "validate", "test", "predict")
PYTHON = {
    "Making frames": (
        "vfi.runtime.load.load_model",
        "vfi.models.interpolator.Interpolator",
        "vfi.video.job.interpolate_video",
        "vfi.video.settings.Settings",
        "vfi.video.summary.Summary",
        "vfi.video.frames.interpolate_frames",
    ),
    "Networks and weights": (
        "vfi.checkpoints.available_models",
        "vfi.checkpoints.load_network",
        "vfi.checkpoints.save_network",
        "vfi.models.spec.RIFESpec",
        "vfi.models.rife.RIFE",
    ),
    "Pruning": (
        "vfi.pruning.channels.channel_groups",
        "vfi.pruning.importance",
        "vfi.pruning.policy",
        "vfi.pruning.budget.LatencyBudget",
        "vfi.pruning.plan.PruningPlan",
        "vfi.pruning.mask",
        "vfi.pruning.compact.compact",
        "vfi.pruning.repair.repair",
    ),
    "Measuring": ("vfi.measure.quality", "vfi.measure.latency", "vfi.measure.costs"),
}
"""What the Python reference holds, by part: names as they are defined."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#:\s]+)\)")


def on_startup(**_: Any) -> None:
    """Quiets libraries that tell what they import."""
    logging.getLogger("lightning").setLevel(logging.ERROR)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made from the code."""
    made = {"commands": commands(), "python": python()}
    for name, lines in made.items():
        text = "\n".join(lines)
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, files: Any, **_: Any) -> str:
    """Links to what is not part of the site become the path in the repository."""
    here = Path(page.file.src_uri).parent

    def held(found: re.Match[str]) -> str:
        image, text, target = found.groups()
        path = (ROOT / "docs" / here / target).resolve()
        inside = path.is_relative_to(ROOT / "docs") and not path.is_dir()
        known = inside and path.relative_to(ROOT / "docs").as_posix() in files.src_uris
        if image or known or not path.exists():  # a broken link is for MkDocs to tell
            return found[0]
        name = path.relative_to(ROOT).as_posix()
        return f"`{name}`" if text in (target, name) else f"{text} (`{name}`)"

    return _LINK.sub(held, markdown)


def commands() -> Iterator[str]:
    """The command reference."""
    yield "# Commands\n"
    yield "Every command also takes `-q` (only warnings and errors), `-v` (more than usual) and"
    yield "`--debug` (where an error came from).\n"
    for group, title in GROUPS.items():
        yield f"## {group}: {title}\n"
        for name, command in COMMANDS.items():
            if command.group == group and command.where:
                yield from _command(name)
    yield "## Lightning's own: " + ", ".join(LIGHTNING) + "\n"
    yield "They share these options, and `--trainer....`, the arguments of `lightning.Trainer`:\n"
    yield from _options(a for a in _lightning()._actions if not a.dest.startswith("trainer."))


def _command(name: str) -> Iterator[str]:
    parser = parser_of(name)
    yield f"### vfi {name}\n"
    yield f"`{parser.usage}`\n"
    yield f"{parser.description}\n"
    yield from _options(parser._actions)


def _options(actions: Iterable[Any]) -> Iterator[str]:
    """A table of what can be said."""
    yield "| option | default | meaning |\n| --- | --- | --- |"
    for action in actions:
        names = [name for name in action.option_strings if not name.endswith(("+", ".help"))]
        if not names or action.dest in ("help", "print_config") or "ConfigLoad" in repr(action):
            continue
        text = " ".join(str(action.help or "").split())
        cells = (
            ", ".join(f"`{name}`" for name in names),
            "" if action.default in (None, "==SUPPRESS==") else f"`{action.default}`",
            re.sub(r"\s*\((type|required)[^)]*\)", "", text).replace("``", "`"),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _lightning() -> Any:
    """The parser of ``vfi fit``."""
    from vfi.training.command import VFICLI

    class Parsers(VFICLI):
        def parse_arguments(self, parser: Any, args: Any) -> None:
            raise StopIteration(self._subcommand_parsers["fit"])

    try:
        Parsers(["fit"])
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("LightningCLI parsed without parsers")


def python() -> Iterator[str]:
    """The Python reference, which mkdocstrings fills in."""
    yield "# Python\n"
    yield inspect.cleandoc(
        """
        `import vfi` offers `load_model`, `available_models`, `interpolate_video`,
        `interpolate_frames` and `Interpolator`. Names below are given where they are defined.
        """
    )
    for part, names in PYTHON.items():
        yield f"\n## {part}\n"
        for name in names:
            yield f"::: {name}\n    options:\n      heading_level: 3\n"
