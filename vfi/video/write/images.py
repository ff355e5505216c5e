"""Image files out."""

from pathlib import Path

import cv2
import numpy as np


def write_image(path: Path, planes: list[np.ndarray]) -> None:
    """Writes the planes G, B, R as an image of the kind that the suffix names."""
    green, blue, red = planes
    encoded, data = cv2.imencode(path.suffix, np.dstack([blue, green, red]))
    if not encoded:
        raise ValueError(f"cannot write images as {path.suffix}; use .png")
    path.write_bytes(data.tobytes())
