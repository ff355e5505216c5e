"""Animated PNG files: all colours and all of alpha, each frame for its own time."""

from array import array
from pathlib import Path

from vfi.video.write.animation import Animation
from vfi.video.write.segments import VideoSettings, read_frames

_LAYOUTS = {
    (False, False): "rgb24",
    (True, False): "rgba",
    (False, True): "rgb48be",
    (True, True): "rgba64be",
}
"""By whether there is alpha, and whether there are more than 8 bits."""
_MOST_PARTS = 65_535  # 16 bits hold each part of the fraction that says how long a frame is shown


def write_apng(path: Path, segments: list[Path], ticks: array, settings: VideoSettings) -> None:
    """Writes an endless animation.

    Args:
        path: the file.
        segments: its frames, encoded without loss.
        ticks: every frame's time in ``settings.time_base`` and, last, that of the end.
        settings: how the segments were encoded.
    """
    unit, spec = settings.time_base, settings.format.spec
    last = ((ticks[-1] - ticks[-2]) * unit).limit_denominator(_MOST_PARTS)
    options = {"plays": "0", "final_delay": f"{last.numerator}/{last.denominator}"}
    animation = Animation(
        "apng",
        (settings.width, settings.height),
        _LAYOUTS[spec.alpha, spec.depth > 8],
        unit,
        settings.pace.limit_denominator(_MOST_PARTS),
        options,
    )
    animation.write(path, read_frames(segments), ticks)
