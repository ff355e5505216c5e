"""The house is kept: imports go down only, files and functions stay short.

Everything is read from the source, so imports inside functions and for type checkers count too.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

FLOORS = (
    ("_about", "allocator", "models", "files", "output", "schema", "shipped", "stopping"),
    ("checkpoints", "data", "reporting"),
    ("measure", "runtime"),
    ("pruning", "video"),
    ("training",),
    ("jobs",),
    ("commands",),
    ("parsing",),
    ("cli",),
)
"""From the ground up. A room imports from floors below its own, never from beside or above."""

SINGLE = {
    "_about",
    "allocator",
    "files",
    "output",
    "schema",
    "shipped",
    "stopping",
    "commands",
    "parsing",
    "cli",
}
"""Rooms that are one file."""

VIDEO_FLOORS = (("read",), ("timing",), ("write",), ("make",))
"""Inside `vfi.video`; its own modules, which do the job, are above them."""

KNOWS_LIGHTNING = ("vfi.training", "vfi.data.module", "vfi.jobs", "vfi.cli")

MAX_ROOMS = 16  # folders of the package
MAX_FILE = 299  # lines
MAX_BODY = 39  # lines of a function that hold code: no docstring, blank line or comment

KNOWN: set[str] = set()
"""What breaks a limit and waits for its cure."""


@cache
def _modules() -> dict[str, Path]:
    """Dotted names and files of the package; a folder goes by the name of its ``__init__``."""
    found = {}
    for path in sorted((ROOT / "vfi").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def _imports(module: str) -> frozenset[str]:
    """The modules, ours and others, that a module imports anywhere in its text."""
    names = set()
    for node in ast.walk(ast.parse(_modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in _modules() else node.module)
    return frozenset(names)


def _floor(module: str, root: str, floors: tuple[tuple[str, ...], ...]) -> tuple[int, str]:
    """The floor and the room of a module; what lies in no room is on top."""
    room = module.removeprefix(root).removeprefix(".").partition(".")[0]
    for number, rooms in enumerate(floors):
        if room in rooms:
            return number, room
    return len(floors), ""


def _upward(root: str, floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """Imports among the modules below ``root`` that do not go down."""
    ours = [name for name in _modules() if f"{name}.".startswith(f"{root}.")]
    wrong = []
    for module in ours:
        floor, room = _floor(module, root, floors)
        for imported in sorted(_imports(module).intersection(ours)):
            below, other = _floor(imported, root, floors)
            if room != other and below >= floor:
                wrong.append(f"{module} imports {imported}")
    return [line for line in wrong if line not in KNOWN]


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Names of all functions of a file, nested ones too, and how many lines of code they have."""
    text = path.read_text(encoding="utf-8")
    idle = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in idle:
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = range(body[0].lineno, node.end_lineno + 1) if body else ()
            yield node.name, len(code.intersection(lines))


def test_imports_go_down_only():
    assert _upward("vfi", FLOORS) == []


def test_imports_inside_video_go_down_only():
    assert _upward("vfi.video", VIDEO_FLOORS) == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: _imports(module).intersection(_modules()) for module in _modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_lightning_stays_where_it_is_known():
    strangers = [
        f"{module} imports {imported}"
        for module in _modules()
        if not any(f"{module}.".startswith(f"{known}.") for known in KNOWS_LIGHTNING)
        for imported in _imports(module)
        if imported.partition(".")[0] in ("lightning", "pytorch_lightning", "lightning_fabric")
    ]
    assert strangers == []


def test_every_room_has_a_floor():
    rooms = {name.split(".")[1] for name in _modules() if name.count(".") > 1}
    assert rooms == {room for floor in FLOORS for room in floor} - SINGLE
    sub_rooms = {name.split(".")[2] for name in _modules() if name.startswith("vfi.video.")}
    assert {room for floor in VIDEO_FLOORS for room in floor} <= sub_rooms


def test_there_are_few_rooms():
    rooms = {path.parent for path in _modules().values()} - {ROOT / "vfi"}
    assert len(rooms) <= MAX_ROOMS


def test_files_are_short():
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in _modules().items()}
    assert {n: lines for n, lines in lengths.items() if lines > MAX_FILE and n not in KNOWN} == {}


def test_functions_are_short():
    long = {
        f"{module}.{name}": lines
        for module, path in _modules().items()
        for name, lines in _functions(path)
        if lines > MAX_BODY
    }
    assert {name: lines for name, lines in long.items() if name not in KNOWN} == {}
