"""Image files out."""

from pathlib import Path

import cv2
import numpy as np

_WITH_ALPHA = (".png", ".webp", ".tif", ".tiff")


def write_image(path: Path, planes: list[np.ndarray]) -> None:
    """Writes the planes G, B, R as an image of the kind that the suffix names.

    A fourth one, alpha, is written where such images have it.
    """
    green, blue, red, *alpha = planes
    rest = alpha if path.suffix.lower() in _WITH_ALPHA else []
    encoded, data = cv2.imencode(path.suffix, np.dstack([blue, green, red, *rest]))
    if not encoded:
        raise ValueError(f"cannot write images as {path.suffix}; use .png")
    path.write_bytes(data.tobytes())
