"""Networks of the RIFE family; nothing here knows of Lightning, pruning or files."""

from vfi.models.interpolator import Interpolator
from vfi.models.rife import RIFE, Estimate, RIFEOutput
from vfi.models.spec import BlockSpec, RefineSpec, RIFESpec, StageSpec
from vfi.models.variants import VARIANTS, variant
from vfi.models.warp import warp

__all__ = [
    "RIFE",
    "VARIANTS",
    "BlockSpec",
    "Estimate",
    "Interpolator",
    "RIFEOutput",
    "RIFESpec",
    "RefineSpec",
    "StageSpec",
    "variant",
    "warp",
]
