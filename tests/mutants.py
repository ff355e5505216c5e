"""Writes what ``mutmut run`` found: counts by file, and the changes that no test noticed.

python -m tests.mutants docs/results/trust/mutation.json
"""

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from vfi.reporting import environment, write_json


def mutmut(*words: str) -> list[str]:
    """The lines that a command of mutmut prints."""
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def change(mutant: str) -> list[str]:
    """The lines that a mutant takes away and adds."""
    return [line for line in mutmut("show", mutant)[3:] if line.startswith(("-", "+"))]


def main(output: Path) -> None:
    """Asks mutmut for its results and writes them.

    Raises:
        ValueError: if the run is not over.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = {}
    for line in mutmut("results", "--all", "true"):
        mutant, _, state = line.strip().partition(": ")
        if state == "not checked":
            raise ValueError(f"{mutant} is not checked: mutmut run has not come to its end")
        counts[mutant.partition(".x")[0]][state] += 1
        if state not in ("killed", "timeout", "caught by type check"):
            survivors[mutant] = {"state": state, "change": change(mutant)}
    write_json(
        {
            "counts": {module: dict(found) for module, found in counts.items()},
            "survivors": survivors,
            "git": environment()["git"],
        },
        output,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
