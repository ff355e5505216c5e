"""Folders of small pictures to render from."""

from pathlib import Path

import cv2
import numpy as np

from tests.helpers.small_media import write_png
from vfi.data.rendered.photos import is_held_out


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """An RGB picture with structure of several sizes."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((3, 120), (9, 90), (27, 45)):
        noise = rng.uniform(0, strength, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


def write_photos(root: Path, train: int, held_out: int, height: int = 90, width: int = 120) -> Path:
    """A folder with so many pictures for training and for validation, by their names."""
    missing = {False: train, True: held_out}
    number = 0
    while any(missing.values()):
        path = root / f"photo{number}.png"
        if missing[is_held_out(path)]:
            write_png(path, picture(number, height, width))
            missing[is_held_out(path)] -= 1
        number += 1
    return root
