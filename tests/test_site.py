"""The documentation site: it builds without a warning, and its examples run."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT
from vfi.commands import COMMANDS

PAGES = [*sorted((ROOT / "docs/adding").glob("*.md")), ROOT / "docs/index.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page):
    """Its Python blocks, one after the other, as a reader would paste them."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert any("assert" in block for block in blocks)
    exec(compile("".join(blocks), str(page), "exec"), {"__name__": page.stem})


def test_the_site_builds_without_a_warning(tmp_path):
    for package in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package}, of the extra docs, is not installed")
    words = ["build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    commands = (tmp_path / "site/reference/commands.html").read_text(encoding="utf-8")
    assert all(f">vfi {name}<" in commands for name, c in COMMANDS.items() if c.where)
    assert "--slow_motion" in commands
    python = (tmp_path / "site/reference/python.html").read_text(encoding="utf-8")
    for name in ("load_model", "interpolate_video", "ArchitectureAware", "RIFESpec"):
        assert f"{name}</span>" in python
    pages = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "site").rglob("*.html"))
    assert not re.findall(r'(?:src|href)="https?://(?:fonts|unpkg|cdn)[^"]*', pages)
