"""Networks of the shapes of later official versions, untrained: python docs/stock.py <folder>

Their weights cannot be fetched by a program. How long a network takes does not depend on them, and
how a shape learns can be tried from untrained ones; the shape of `rife-fast` lies beside for that.
"""

import sys
from pathlib import Path

import torch

from vfi.checkpoints import load_network, save_network
from vfi.models import RIFE
from vfi.models.variants import VARIANTS

LATER = ("rife_v4.6", "rife_v4.22-lite", "rife_v4.25", "rife_v4.25-lite")
OURS = ("rife-fast",)


def main(folder: Path) -> None:
    """Writes a file for each of them."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {name: VARIANTS[name] for name in LATER}
    shapes |= {name: load_network(name).spec for name in OURS}
    for name, shape in shapes.items():
        torch.manual_seed(0)
        save_network(RIFE(shape), folder / f"{name}-shape.safetensors", name=name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/stock"))
