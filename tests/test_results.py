"""Every figure of docs/results has a command that writes it again, from a clean tree."""

import importlib.util
import json
import subprocess
from collections import Counter
from types import ModuleType

import pytest

from tests.helpers.paths import ROOT
from vfi.cli import main

OWN = {"commands.yaml", "trust/README.md"}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results", ROOT / "docs/results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


results = load()
TABLE = results.table()
PLACES = dict.fromkeys((*results.DATA, "out"), "folder")
COMMANDS = [command for entry in TABLE for command in entry.commands]


def test_each_file_has_one_command():
    folder = ROOT / "docs/results"
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    there = {path.as_posix() for path in files if not path.name.startswith(".")} - OWN
    named = Counter(
        f"{entry.name}/{name}"
        for entry in TABLE
        for name in (*entry.files, *entry.old, results.MADE)
    )
    assert [name for name, times in named.items() if times > 1] == []
    assert sorted(there - set(named)) == [], "name what writes it in docs/results/commands.yaml"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_parses(command, capsys, monkeypatch, tmp_path):
    first, *words = TABLE[0].words(command, PLACES)
    if first == "python":
        found = (
            importlib.util.find_spec(words[1]) if words[0] == "-m" else (ROOT / words[0]).exists()
        )
        assert found
        return
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main([*words, "--print_config"])
    assert not stop.value.code, capsys.readouterr().err


@pytest.fixture
def tree(tmp_path):
    """A clean tree in which two folders are made; the second one's command fails at first."""
    (tmp_path / "docs/results").mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("runs/\ncounts\n")
    (tmp_path / "write.py").write_text(
        "import sys\n"
        "open('counts', 'a').write(sys.argv[1])\n"
        "open(sys.argv[2], 'x').write(sys.argv[1])\n"
        "sys.exit(sys.argv[1] == 'b' and open('counts').read() == 'ab')\n"
    )
    (tmp_path / "docs/results/commands.yaml").write_text(
        "one:\n"
        "  run: python write.py a {out}/a.csv\n"
        "  files: [a.csv]\n"
        "two/three:\n"
        "  run:\n"
        "    - python write.py b {out}/b.csv\n"
        "  files: [c.csv: b.csv]\n"
        "four:\n"
        "  run: python write.py d {photos}\n"
        "  files: [d.csv]\n"
    )
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        who = ("-c", "user.name=me", "-c", "user.email=me@example.com")
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True)
    return tmp_path


def test_what_was_done_is_not_done_again_and_all_is_kept_at_the_end(tree, capsys):
    kept = tree / "docs/results"
    assert results.main([], tree) == 2  # the second failed
    assert "two/three: status 1; the same command goes on from here" in capsys.readouterr().err
    assert not (kept / "one").exists()
    (tree / "runs/results/two/three/b.csv").unlink()
    assert results.main([], tree) == 0
    assert "four: left out, needs --photos" in capsys.readouterr().out
    assert (tree / "counts").read_text() == "abb"
    assert (kept / "one/a.csv").read_text() == "a"
    assert (kept / "two/three/c.csv").read_text() == "b"
    made = json.loads((kept / "one/made.json").read_text())
    assert made["commands"] == ["python write.py a {out}/a.csv"]
    assert made["environment"]["packages"]["torch"]


def test_a_dirty_tree_is_refused(tree, capsys):
    (tree / "write.py").write_text("")
    assert results.main(["--dry-run"], tree) == 0
    assert "python write.py a <out>/a.csv" in capsys.readouterr().out
    assert results.main([], tree) == 2
    assert "differ from the commit" in capsys.readouterr().err
    assert not (tree / "runs").exists()
