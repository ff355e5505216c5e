"""The frames of a scene, and the true motion in them."""

from dataclasses import dataclass

import cv2
import numpy as np

from vfi.data.rendered.motion import scaled, shifted, transform
from vfi.data.rendered.scene import Plane, Scene

_FINER = 2  # frames are drawn at so many times their size and area-averaged
_OPAQUE = 128  # half of the full opacity: from here on, a layer is what is seen at a pixel


@dataclass(frozen=True, eq=False)
class Truth:
    """What moved where, at the time of the true frame.

    Attributes:
        flow: (4, H, W) float32, pixels: (x, y) from each pixel of the true frame to where its point
            is in img0, then in img1; the order of the network's flow.
        occluded: (2, H, W) bool: whether that point is hidden in img0 or img1, or outside of it.
    """

    flow: np.ndarray
    occluded: np.ndarray

    @property
    def motion(self) -> float:
        """How far the fastest tenth of the pixels moves at least, from img0 to img1, pixels."""
        across = self.flow[2:] - self.flow[:2]
        return float(np.percentile(np.hypot(*across), 90))


def draw_frames(scene: Scene, exposures: int) -> list[np.ndarray]:
    """(img0, gt, img1), each (crop, crop, 3) uint8 RGB, before noise and compression.

    Args:
        scene: what is seen.
        exposures: instants that a blurred frame is the mean of.
    """
    finer = 1 if scene.exposure else _FINER
    textures = [_fit_for(plane, finer) for plane in scene.planes]
    frames = []
    for time in (0.0, scene.timestep, 1.0):
        if scene.exposure:
            frame = _exposed(scene, textures, time, exposures)
        else:
            fine = _instant(scene, textures, time, finer)
            frame = cv2.resize(fine, (scene.crop, scene.crop), interpolation=cv2.INTER_AREA)
        if scene.fade != 1:
            frame = cv2.convertScaleAbs(frame, alpha=1 + (scene.fade - 1) * (time - 0.5))
        if scene.overlay is not None:
            _lay_over(frame, scene.overlay)
        frames.append(cv2.cvtColor(frame, cv2.COLOR_RGBA2RGB))
    return frames


def true_motion(scene: Scene) -> Truth:
    """Flow and occlusion at the time of the true frame."""
    crop, times = scene.crop, (0.0, 1.0)
    top = {time: _seen(scene, time) for time in (scene.timestep, *times)}
    y, x = np.mgrid[:crop, :crop] + 0.5
    here = np.stack([x, y], -1)
    flow = np.zeros((4, crop, crop), np.float32)
    occluded = np.zeros((2, crop, crop), bool)
    for side, time in enumerate(times):
        for number, plane in enumerate(scene.planes):
            mine = top[scene.timestep] == number
            path = plane.matrix(time) @ np.linalg.inv(plane.matrix(scene.timestep))
            there = transform(path, here[mine])
            flow[2 * side : 2 * side + 2, mine] = (there - here[mine]).T
            cell = np.floor(there).astype(int)
            outside = ((cell < 0) | (cell >= crop)).any(-1)
            column, row = cell.clip(0, crop - 1).T
            occluded[side, mine] = outside | (top[time][row, column] != number)
    return Truth(flow, occluded)


def _fit_for(plane: Plane, finer: int) -> tuple[np.ndarray, np.ndarray]:
    """Texture and its matrix, halved while it is much finer than what is drawn."""
    texture, placed = plane.texture, plane.placed
    while np.sqrt(abs(np.linalg.det(placed[:2, :2]))) * finer < 0.8 and min(texture.shape[:2]) > 16:
        height, width = texture.shape[:2]
        size = (width // 2, height // 2)
        texture = cv2.resize(texture, size, interpolation=cv2.INTER_AREA)
        placed = placed @ scaled(width / size[0], height / size[1])
    return texture, placed


def _instant(
    scene: Scene, textures: list[tuple[np.ndarray, np.ndarray]], time: float, finer: int
) -> np.ndarray:
    """The planes at a time, (finer * crop, finer * crop, 4) uint8."""
    side = finer * scene.crop
    frame: np.ndarray = np.empty((0, 0, 4), np.uint8)
    # OpenCV has the middle of the first pixel at (0, 0)
    to_indices = shifted(-0.5, -0.5) @ scaled(finer, finer)
    for number, (plane, (texture, placed)) in enumerate(zip(scene.planes, textures, strict=True)):
        matrix = to_indices @ plane.path.at(time) @ placed @ shifted(0.5, 0.5)
        if number == 0:
            frame = cv2.warpPerspective(
                texture, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101
            )
            continue
        left, top, right, bottom = _bounds(texture, matrix, side)
        if left < right and top < bottom:
            size = (right - left, bottom - top)
            layer = cv2.warpPerspective(texture, shifted(-left, -top) @ matrix, size)
            _lay_over(frame[top:bottom, left:right], layer)
    return frame


def _exposed(
    scene: Scene, textures: list[tuple[np.ndarray, np.ndarray]], time: float, exposures: int
) -> np.ndarray:
    """The mean over an exposure, (crop, crop, 4) uint8."""
    total = np.zeros((scene.crop, scene.crop, 4), np.float32)
    for part in np.linspace(-0.5, 0.5, exposures):
        cv2.accumulate(_instant(scene, textures, time + part * scene.exposure, 1), total)
    return cv2.convertScaleAbs(total, alpha=1 / exposures)


def _lay_over(frame: np.ndarray, layer: np.ndarray) -> None:
    """Puts a premultiplied layer over the frame, in place; both (H, W, 4) uint8."""
    clear = cv2.bitwise_not(layer[:, :, 3])
    behind = cv2.multiply(frame, cv2.merge([clear] * 4), scale=1 / 255)
    frame[:] = cv2.add(behind, layer)


def _bounds(texture: np.ndarray, matrix: np.ndarray, side: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of where a texture is drawn, within the frame."""
    height, width = texture.shape[:2]
    corners = np.array([(-1, -1), (width, -1), (-1, height), (width, height)], float)
    placed = transform(matrix, corners)
    (left, top), (right, bottom) = np.floor(placed.min(0)), np.ceil(placed.max(0)) + 1
    left, top, right, bottom = np.clip((left, top, right, bottom), 0, side).astype(int).tolist()
    return left, top, right, bottom


def _seen(scene: Scene, time: float) -> np.ndarray:
    """The number of the plane that is seen at each pixel, (crop, crop); -1 is the overlay."""
    seen = np.zeros((scene.crop, scene.crop), np.int8)
    for number, plane in enumerate(scene.planes[1:], start=1):
        matrix = shifted(-0.5, -0.5) @ plane.matrix(time) @ shifted(0.5, 0.5)
        alpha = np.ascontiguousarray(plane.texture[:, :, 3])
        covered = cv2.warpPerspective(alpha, matrix, (scene.crop, scene.crop))
        seen[covered >= _OPAQUE] = number
    if scene.overlay is not None:
        seen[scene.overlay[:, :, 3] >= _OPAQUE] = -1
    return seen
