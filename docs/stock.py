"""Networks of the shapes of later official versions, to be timed: python docs/stock.py <folder>

Their weights cannot be fetched by a program; how long a network takes does not depend on them. The
files hold untrained ones, so nothing but time may be read off them.
"""

import sys
from pathlib import Path

import torch

from vfi.checkpoints import save_network
from vfi.models import RIFE
from vfi.models.variants import VARIANTS

LATER = ("rife_v4.6", "rife_v4.22-lite", "rife_v4.25", "rife_v4.25-lite")


def main(folder: Path) -> None:
    """Writes a file for each of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in LATER:
        torch.manual_seed(0)
        save_network(RIFE(VARIANTS[name]), folder / f"{name}-shape.safetensors", name=name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/stock"))
