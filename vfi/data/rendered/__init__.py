"""Motion rendered from photographs: fine texture that moves far, with the truth known."""

from vfi.data.rendered.dataset import CLASSES, RenderedClasses, RenderedTriplets
from vfi.data.rendered.drawing import Truth
from vfi.data.rendered.mixed import MixedTriplets, Shares
from vfi.data.rendered.spec import RenderSpec

__all__ = [
    "CLASSES",
    "MixedTriplets",
    "RenderSpec",
    "RenderedClasses",
    "RenderedTriplets",
    "Shares",
    "Truth",
]
