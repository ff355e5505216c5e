"""Runs the command in a process of its own in which some of what a machine has is missing."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SITE = """
import os, sys
BLOCKED = {blocked!r}
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in BLOCKED:
            return self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
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
