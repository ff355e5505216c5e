"""Runs the command in a process of its own in which some of what a machine has is missing."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SITE = """
import importlib.abc, os, sys
BLOCKED = {blocked!r}
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
for module in BLOCKED:
    sys.modules.pop(module, None)
{more}
"""


def run_without(
    blocked: Sequence[str], arguments: Sequence[str], folder: Path, package: Path, more: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m vfi`` where modules are missing.

    Args:
        blocked: top-level modules that cannot be imported.
        arguments: of the command.
        folder: where it runs; it gets a folder ``site`` that does the blocking.
        package: the folder that holds the package.
        more: statements that run before anything else.
    """
    site = folder / "site"
    site.mkdir(exist_ok=True)
    text = _SITE.format(blocked=tuple(blocked), more=more)
    (site / "sitecustomize.py").write_text(text, encoding="utf-8")
    paths = os.pathsep.join([str(site), str(package)])
    return subprocess.run(
        [sys.executable, "-m", "vfi", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        cwd=folder,
        check=False,
    )
