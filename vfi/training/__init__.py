"""Everything that is Lightning's: modules, callbacks, objective, the commands fit and test.

The names below are what configurations say (``class_path: vfi.training.RIFEModule``); each is
loaded when it is asked for, and with it Lightning.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfi.training.averaging import Averaging
    from vfi.training.evaluation import EvaluationReport
    from vfi.training.guard import DivergenceGuard
    from vfi.training.module import BaselineModule, InterpolationModule, RIFEModule
    from vfi.training.precision import AutoPrecision
    from vfi.training.predictions import FrameWriter
    from vfi.training.pruning import ChannelPruning
    from vfi.training.report import TrainingReport
    from vfi.training.resume import last_checkpoint
    from vfi.training.sharding import DeepSpeed, FullySharded

_PLACES = {
    "AutoPrecision": "precision",
    "Averaging": "averaging",
    "BaselineModule": "module",
    "ChannelPruning": "pruning",
    "DeepSpeed": "sharding",
    "DivergenceGuard": "guard",
    "EvaluationReport": "evaluation",
    "FrameWriter": "predictions",
    "FullySharded": "sharding",
    "InterpolationModule": "module",
    "RIFEModule": "module",
    "TrainingReport": "report",
    "last_checkpoint": "resume",
}

__all__ = [
    "AutoPrecision",
    "Averaging",
    "BaselineModule",
    "ChannelPruning",
    "DeepSpeed",
    "DivergenceGuard",
    "EvaluationReport",
    "FrameWriter",
    "FullySharded",
    "InterpolationModule",
    "RIFEModule",
    "TrainingReport",
    "last_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
