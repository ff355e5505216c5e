"""Networks of the RIFE family; nothing here knows of Lightning, pruning or files."""

from vfi.models.estimate import Estimate, Prepared, RIFEOutput, image_of
from vfi.models.interpolator import Encoded, Interpolator
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
    "Encoded",
    "EncoderSpec",
    "Estimate",
    "Interpolator",
    "Options",
    "Prepared",
    "RIFEOutput",
    "RIFESpec",
    "RefineSpec",
    "StageSpec",
    "Step",
    "image_of",
    "variant",
    "warp",
]
