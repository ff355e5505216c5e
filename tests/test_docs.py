"""The commands and links of every page work as written."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from vfi.cli import main

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST = 200
README_LONGEST = 150
CALL = re.compile(r"^\s*(?:\S*python lightning_cli\.py|vfi) (.*)$")


def commands(page: Path, places: Mapping[str, str] = {}) -> list[list[str]]:
    """The arguments of every call of the command line in a page's shell blocks.

    Args:
        page: in Markdown.
        places: what the page calls ``<name>``; what is not here is a "folder".
    """
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").replace("&& ", "\n").splitlines()
    calls = [found[1] for line in lines if (found := CALL.match(line))]
    calls = [re.sub(r"<([^>]*)>", lambda m: places.get(m[1], "folder"), call) for call in calls]
    return [shlex.split(call, comments=True) for call in calls]


CALLS = {" ".join(call): call for page in PAGES for call in commands(page) if ">" not in call}
CARDS = json.loads((ROOT / "checkpoints/models.json").read_text("utf-8"))
for line in (stage["command"] for card in CARDS.values() for stage in card["made"]):
    CALLS[line] = shlex.split(CALL.match(line)[1])


def test_there_are_commands():
    assert len(CALLS) > 20


@pytest.mark.parametrize("call", CALLS)
def test_every_command_parses(call, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main([*CALLS[call], "--print_config"])
    assert not stop.value.code, capsys.readouterr().err


def test_the_first_command_runs_as_written(pretrained_v4, monkeypatch, tmp_path):
    first = commands(ROOT / "README.md")[0]
    assert first[:2] == ["test", "-c"]
    monkeypatch.chdir(tmp_path)
    assert main(first) == 0
    assert (tmp_path / "runs/baseline/metrics.json").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_short_and_their_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= (README_LONGEST if page.name == "README.md" else LONGEST)
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
