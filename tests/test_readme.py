"""The commands of README.md work as written."""

import re
import shlex

import pytest

from tests.helpers.paths import ROOT
from vfi.cli import main

README = (ROOT / "README.md").read_text()


def commands() -> list[list[str]]:
    """The arguments of every call of ``lightning_cli.py`` in a shell block."""
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    calls = [line.partition("lightning_cli.py ")[2] for line in lines if "lightning_cli.py" in line]
    return [shlex.split(re.sub(r"<[^>]*>", "folder", call), comments=True) for call in calls]


def test_there_are_commands():
    assert len(commands()) > 10


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_parses(arguments, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--print_config"])
    assert not stop.value.code, capsys.readouterr().err


def test_the_first_command_runs_as_written(pretrained_v4, monkeypatch, tmp_path):
    first = next(arguments for arguments in commands())
    assert first == ["test", "-c", "test/baseline.yaml"]
    monkeypatch.chdir(tmp_path)
    assert main(first) == 0
    assert (tmp_path / "runs/baseline/metrics.json").is_file()


def test_every_local_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
