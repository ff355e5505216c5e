"""Writes what ``mutmut run`` found: counts by file, and the changes that no test noticed.

python -m tests.mutants docs/results/trust/mutation.json

Of a module whose changes were not all tried this time, the file keeps what it has; if it has
nothing, it gets what there is, with the number "not checked".
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from vfi.reporting import environment, write_json


def mutmut(*words: str) -> list[str]:
    """The lines that a command of mutmut prints."""
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def change(mutant: str) -> list[str]:
    """The lines that a mutant takes away and adds."""
    return [line for line in mutmut("show", mutant)[3:] if line.startswith(("-", "+"))]


def main(output: Path) -> None:
    """Asks mutmut for its results and writes them."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in mutmut("results", "--all", "true"):
        mutant, _, state = line.strip().partition(": ")
        found[mutant.partition(".x")[0]][mutant] = state
    before = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {"modules": {}}
    modules = {}
    for module, states in found.items():
        known = before["modules"].get(module)
        whole = "not checked" not in states.values()
        modules[module] = summary(states) if whole or known is None else known
    write_json({"modules": modules}, output)


def summary(states: dict[str, str]) -> dict[str, Any]:
    """What came of a module's changes, and those that no test noticed."""
    noticed = ("killed", "timeout", "caught by type check", "not checked")
    missed = [mutant for mutant, state in states.items() if state not in noticed]
    return {
        "counts": dict(Counter(states.values())),
        "survivors": {m: {"state": states[m], "change": change(m)} for m in missed},
        "git": environment()["git"],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
