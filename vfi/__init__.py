"""RIFE video frame interpolation, pruned for low-resource machines.

Names are loaded when they are asked for: ``import vfi`` alone loads neither torch nor a codec.
"""

import importlib
from typing import TYPE_CHECKING, Any

from vfi._about import __version__

if TYPE_CHECKING:
    from vfi.checkpoints import available_models
    from vfi.models import Interpolator
    from vfi.runtime.load import load_model
    from vfi.video import interpolate_frames, interpolate_video

_PLACES = {
    "Interpolator": "vfi.models",
    "available_models": "vfi.checkpoints",
    "interpolate_frames": "vfi.video",
    "interpolate_video": "vfi.video",
    "load_model": "vfi.runtime.load",
}

__all__ = [
    "Interpolator",
    "__version__",
    "available_models",
    "interpolate_frames",
    "interpolate_video",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
