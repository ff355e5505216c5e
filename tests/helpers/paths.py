"""Where things lie in the checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
CHECKPOINTS = ROOT / "checkpoints"
GOLDEN = ROOT / "tests" / "golden"
