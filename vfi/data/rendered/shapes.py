"""What layers look like: smooth shapes, plates and fences cut from photographs; text and bars."""

import string

import cv2
import numpy as np

from vfi.data.rendered.spec import RenderSpec

_LETTERS = string.ascii_letters + string.digits + ".:-"


def draw_mask(
    height: int, width: int, zoom: float, spec: RenderSpec, rng: np.random.Generator
) -> np.ndarray:
    """The opacity of a layer, (height, width) uint8, at the photograph's resolution.

    Args:
        height: pixels of the photograph.
        width: likewise.
        zoom: frame pixels for each of them.
        spec: shares of fences and of soft edges.
        rng: decides.
    """
    if rng.random() < spec.fence:
        mask = _bars(height, width, zoom, rng)
    elif rng.random() < 0.2:
        mask = np.full((height, width), 255, np.uint8)
    else:
        mask = _blob(height, width, rng)
    softness = rng.uniform(0.6, max(0.6, spec.softness)) if rng.random() < spec.soft else 0.6
    # nothing may touch the border, where the photograph ends without a soft edge
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    return cv2.GaussianBlur(mask, (0, 0), max(0.5, softness / zoom), borderType=cv2.BORDER_CONSTANT)


def _blob(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A connected smooth shape, with holes and islands now and then."""
    detail = int(rng.integers(4, 10))
    hills = rng.normal(0, 0.35, (detail, detail)).astype(np.float32)
    field = cv2.resize(hills, (width, height), interpolation=cv2.INTER_CUBIC)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    return ((field + 0.75 > np.sqrt(x * x + y * y)) * 255).astype(np.uint8)


def _bars(height: int, width: int, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """Parallel bars or a grid, 1.5 to 8 frame pixels thick, in any direction."""
    y, x = np.mgrid[:height, :width].astype(np.float32) * np.float32(zoom)
    thickness = rng.uniform(1.5, 8)
    period = thickness * rng.uniform(2, 8)
    angle = rng.uniform(0, np.pi)
    mask = (x * np.cos(angle) + y * np.sin(angle)) % period < thickness
    if rng.random() < 0.5:
        mask |= (y * np.cos(angle) - x * np.sin(angle)) % period < thickness
    return (mask * 255).astype(np.uint8)


def premultiplied(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8: the RGB picture times its opacity, and the opacity."""
    return np.dstack((cv2.multiply(picture, cv2.merge([mask] * 3), scale=1 / 255), mask))


def draw_overlay(crop: int, logo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Something that stays where it is: black bars, text or a logo.

    Args:
        crop: side of the frame, pixels.
        logo: (H, W, 3) uint8 RGB to cut a logo from, at least half as large as the frame.
        rng: decides.

    Returns:
        (crop, crop, 4) uint8, premultiplied.
    """
    overlay = np.zeros((crop, crop, 4), np.uint8)
    kind = rng.integers(3)
    if kind == 0:
        axis = int(rng.integers(2))
        before, after = rng.integers(crop // 4 + 1, size=2)
        sides = np.moveaxis(overlay, axis, 0)  # a view
        sides[:before] = sides[crop - after :] = (0, 0, 0, 255)
    elif kind == 1:
        _write(overlay, rng)
    else:
        side = int(rng.integers(crop // 8, crop // 3))
        top, left = rng.integers(crop - side, size=2)
        mask = _blob(side, side, rng)
        mask[mask > 0] = int(rng.integers(120, 256))
        overlay[top : top + side, left : left + side] = premultiplied(logo[:side, :side], mask)
    return overlay


def _write(overlay: np.ndarray, rng: np.random.Generator) -> None:
    """A line or two of letters, with a box behind them in half of the cases."""
    crop = len(overlay)
    scale = float(rng.uniform(0.35, 1.1)) * crop / 192
    height = round(30 * scale)
    lines, top = int(rng.integers(1, 3)), int(rng.integers(crop))
    left = int(rng.integers(-crop // 4, crop // 2))
    if rng.random() < 0.5:
        box = (*(int(v) for v in rng.integers(256, size=3)), 255)
        below = top + round((lines - 0.6) * height)
        cv2.rectangle(overlay, (left - 4, top - height), (crop - 1, below), box, cv2.FILLED)
    colour = (*(int(v) for v in rng.choice([0, 40, 220, 255], size=3)), 255)
    for line in range(lines):
        text = "".join(rng.choice(list(_LETTERS), size=int(rng.integers(4, 16))))
        place = (left, top + line * height)
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX]))
        cv2.putText(overlay, text, place, font, scale, colour, 1 + int(scale > 0.7), cv2.LINE_AA)
