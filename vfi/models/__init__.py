"""Networks of the RIFE family; nothing here knows of Lightning, pruning or files."""

from vfi.models.estimate import Estimate, RIFEOutput
from vfi.models.interpolator import Interpolator
from vfi.models.options import Options
from vfi.models.parts import BlockSpec, EncoderSpec, RefineSpec, StageSpec
from vfi.models.rife import RIFE
from vfi.models.spec import RIFESpec, Step
from vfi.models.variants import SAME_SHAPE, VARIANTS, variant
from vfi.models.warp import warp

__all__ = [
    "RIFE",
    "SAME_SHAPE",
    "VARIANTS",
    "BlockSpec",
    "EncoderSpec",
    "Estimate",
    "Interpolator",
    "Options",
    "RIFEOutput",
    "RIFESpec",
    "RefineSpec",
    "StageSpec",
    "Step",
    "variant",
    "warp",
]
