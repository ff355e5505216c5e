"""Untrained networks of known shapes: python docs/stock.py <folder> [<name> ...]

How long a network takes does not depend on its weights, and those of later official versions cannot
be fetched by a program: their shapes are written if no name is given. Nothing but time may be read
off the files, unless they are trained.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from vfi.checkpoints import load_network, save_network
from vfi.models import RIFE
from vfi.models.variants import VARIANTS

LATER = ("rife_v4.6", "rife_v4.22-lite", "rife_v4.25", "rife_v4.25-lite")


def main(folder: Path, names: Sequence[str] = LATER) -> None:
    """Writes a file for each of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        spec = VARIANTS[name] if name in VARIANTS else load_network(name).spec
        torch.manual_seed(0)
        save_network(RIFE(spec), folder / f"{name}-shape.safetensors", name=name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/stock"), sys.argv[2:] or LATER)
