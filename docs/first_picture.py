"""The first picture of the README: ``python docs/first_picture.py``.

What today's models make of a moving scene, rendered here from a photograph in the public domain
that comes with matplotlib, and their quality over speed, from the figures that lie in this folder.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from matplotlib.cbook import get_sample_data

from vfi.jobs.compare_video import compare_video
from vfi.jobs.draw import draw

RESULTS = Path(__file__).parent / "results"
MODELS = ("rife_v4.0", "rife-fast", "rife-tiny", "rife-nano")
SIZE = 384, 288
FRAMES = 9
TILE = 240  # pixels
EMBLEM = 252, 75  # where it is in the photograph: what flies across the sky


def scene(number: int) -> np.ndarray:
    """Frame ``(288, 384, 3)``, BGR: the photograph turns slowly, a disc of it flies across."""
    photo = cv2.imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    width, height = SIZE
    turn = cv2.getRotationMatrix2D((300, 190), 1.5 * number - 6, 0.8 + 0.01 * number)
    turn[:, 2] += width / 2 - 300 + 3 * number, height / 2 - 190
    ground = cv2.warpAffine(photo, turn, SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    centre = 250 + 9 * number, 60 + 20 * number
    shift = np.float64([[1, 0, centre[0] - EMBLEM[0]], [0, 1, centre[1] - EMBLEM[1]]])
    disc = cv2.warpAffine(photo, shift, SIZE)
    cover = np.zeros((height, width), np.uint8)
    cv2.circle(cover, centre, 46, 255, -1, cv2.LINE_AA)
    share = cover[..., None] / 255
    return np.uint8(np.rint(disc * share + ground * (1 - share)))


def main(target: Path | None = None) -> None:
    """Draws both; or the first one alone, into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FRAMES):
            cv2.imwrite(f"{folder}/{number:02d}.png", scene(number))
        output = str((target or RESULTS / "first") / "models.jpg")
        compare_video(folder, output, MODELS, frames=2, tile_width=TILE, cut_threshold=None)
    if target is None:
        draw([str(RESULTS / "runtimes")])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
