"""What `fit` needs besides Lightning's own: averaged weights, a guard, a run folder."""

from vfi.training.averaging import Averaging
from vfi.training.guard import DivergenceGuard
from vfi.training.precision import AutoPrecision
from vfi.training.report import TrainingReport
from vfi.training.resume import last_checkpoint

__all__ = ["AutoPrecision", "Averaging", "DivergenceGuard", "TrainingReport", "last_checkpoint"]
