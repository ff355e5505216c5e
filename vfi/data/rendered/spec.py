"""What is rendered from photographs, as numbers: every distribution and its unit."""

from dataclasses import dataclass, fields

_SHARES = (
    "still",
    "still_background",
    "perspective_share",
    "bent",
    "soft",
    "fence",
    "overlay",
    "blurred",
    "fade",
    "noisy",
    "jpeg",
    "h264",
)


@dataclass(frozen=True)
class RenderSpec:
    """How a scene is drawn at random and what is done to its frames.

    A scene is one photograph as a plane behind ``0..layers`` layers cut from others. Lengths are in
    pixels of the rendered frame, times in intervals from img0 (time 0) to img1 (time 1). "Normal"
    and "half-normal" are around 0 with the standard deviation given; a share is the probability
    that a triplet (or a layer) has the thing. All numbers of motion are for the whole interval.

    Attributes:
        layers: the number of moving layers is drawn evenly from 0 to this many.
        zoom: frame pixels per pixel of the photograph, log-uniform between the two; more where the
            photograph would not fill the frame.
        speed: of the scene: standard deviation of a translation, pixels, log-uniform between the
            two. A translation's direction is uniform, its length half-normal with that deviation
            and at most ``furthest``. The next four are for a speed of 12 pixels and grow and
            shrink with it.
        furthest: the longest translation of the background, pixels; layers add their own.
        rotation: about the middle of the plane or layer, radians, normal.
        scale: growth, as a natural logarithm, normal.
        shear: normal, without unit.
        perspective: change of the magnification from the middle to a point 100 pixels off, as a
            fraction, normal; in ``perspective_share`` of the planes and layers.
        perspective_share: share of planes and layers that tilt.
        bend: how far the middle of the path lies off the straight one, as a fraction of the
            translation, normal in both directions, in ``bent`` of the scenes: acceleration, turns.
        bent: share of scenes whose paths are not straight.
        follow: a layer moves with this fraction of the background's motion, uniform between the
            two, beside its own.
        size: side of a layer as a fraction of the frame's, uniform between the two.
        soft: share of layers with soft edges: Gaussian, with a deviation up to ``softness`` pixels;
            the others' edges are hard and area-averaged.
        softness: see ``soft``.
        fence: share of layers that are thin bars, a grid or wires instead of a smooth shape.
        still: share of triplets in which nothing moves.
        still_background: share of triplets in which only the layers move.
        overlay: share of triplets with something at rest over it all: text, a logo, or black bars.
        blurred: share of triplets with motion blur.
        shutter: exposure of those, as a fraction of the time between neighbouring frames (which
            is half an interval), uniform between the two.
        exposures: instants that such an exposure is the mean of.
        fade: share of triplets whose brightness changes, linearly in time.
        fade_depth: the factor from img0 to img1 is uniform from 1 - this to 1 + this.
        noisy: share of triplets with Gaussian noise, fresh in every frame.
        noise: its largest deviation, levels of 255, uniform from 0.
        jpeg: share of triplets of which every frame went through JPEG.
        jpeg_quality: its quality, uniform between the two.
        h264: share of triplets that went through H.264 as three frames of a video.
        h264_quality: its constant rate factor, uniform between the two; more is worse.
        timestep: the time of the true frame, uniform between the two.

    Raises:
        ValueError: for the first that is out of bounds.
    """

    layers: int = 3
    zoom: tuple[float, float] = (0.5, 1.2)
    speed: tuple[float, float] = (3.0, 40.0)
    furthest: float = 72.0
    rotation: float = 0.03
    scale: float = 0.025
    shear: float = 0.01
    perspective: float = 0.02
    perspective_share: float = 0.5
    bend: float = 0.06
    bent: float = 0.4
    follow: tuple[float, float] = (0.0, 1.0)
    size: tuple[float, float] = (0.2, 0.8)
    soft: float = 0.3
    softness: float = 4.0
    fence: float = 0.2
    still: float = 0.04
    still_background: float = 0.15
    overlay: float = 0.15
    blurred: float = 0.15
    shutter: tuple[float, float] = (0.2, 1.0)
    exposures: int = 7
    fade: float = 0.1
    fade_depth: float = 0.25
    noisy: float = 0.25
    noise: float = 5.0
    jpeg: float = 0.15
    jpeg_quality: tuple[int, int] = (30, 95)
    h264: float = 0.25
    h264_quality: tuple[int, int] = (18, 36)
    timestep: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        if self.layers < 0:
            raise ValueError(f"render.layers is {self.layers}; it must be 0 or more")
        if self.exposures < 2:
            raise ValueError(f"render.exposures is {self.exposures}; a blur needs at least 2")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"render.{name} is {getattr(self, name)}; a share is in [0, 1]")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple | list):
                self._check_range(field.name, tuple(value))
            elif value < 0:
                raise ValueError(f"render.{field.name} is {value}; it must not be negative")
        if self.jpeg + self.h264 > 1:
            raise ValueError(f"render.jpeg + render.h264 is {self.jpeg + self.h264}; at most 1")

    def _check_range(self, name: str, value: tuple[float, ...]) -> None:
        least = {"zoom": 0.1, "speed": 0.01, "size": 0.01, "jpeg_quality": 1}.get(name, 0)
        most = {"timestep": 1, "shutter": 1, "jpeg_quality": 100, "h264_quality": 51}
        if len(value) != 2 or not least <= value[0] <= value[1] <= most.get(name, float("inf")):
            raise ValueError(
                f"render.{name} is {value}; it must be a rising pair from {least} to "
                f"{most.get(name, 'as much as you like')}"
            )
        object.__setattr__(self, name, value)
