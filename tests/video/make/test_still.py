"""What stands still over motion stays; what moves is not touched."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vfi.video import interpolate_frames, interpolate_video
from vfi.video.make.predict import Predictor, Request
from vfi.video.make.still import StillPair

SIZE = (128, 192)
MOVE = 12
SLACK = 3 + 1e-3
"""Levels by which what stands still may leave the range of its two frames."""


class Middle(nn.Module):
    """A network that sees one motion alone, that of the background, and drags all along."""

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, flow_scale: float = 1.0
    ) -> Tensor:
        return (torch.roll(img0, -MOVE // 2, 3) + torch.roll(img1, MOVE // 2, 3)) / 2


def texture(seed: int, cell: int = 8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    height, width = SIZE[0], SIZE[1] + 60
    coarse = rng.integers(20, 160, (height // cell, width // cell, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def overlay(image: np.ndarray, kind: str) -> np.ndarray:
    if kind == "text":
        cv2.putText(image, "Still 12", (14, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (255,) * 3, 6)
    elif kind == "logo":
        cv2.rectangle(image, (140, 12), (175, 40), (200, 30, 30), -1)
        cv2.circle(image, (157, 26), 9, (240, 240, 40), -1)
    elif kind == "bar":
        image[100:] = texture(9)[100:, : image.shape[1]]
        cv2.line(image, (0, 100), (SIZE[1], 100), (255,) * 3, 3)
    return image


def views(kind: str, seed: int = 0, noise: float = 0.0) -> list[Tensor]:
    """Frames at 0, 1/2 and 1 of a moving background under a still overlay, ``(1, 3, H, W)``."""
    rng, wide, images = np.random.default_rng(seed), texture(seed), []
    for shift in (0, MOVE // 2, MOVE):
        image = overlay(np.ascontiguousarray(wide[:, shift : shift + SIZE[1]]), kind)
        images.append(image + rng.normal(0, noise, image.shape))
    return [tensor(image) for image in images]


def tensor(image: np.ndarray) -> Tensor:
    levels = np.clip(np.rint(image), 0, 255).astype(np.float32) / 255
    return torch.from_numpy(levels).permute(2, 0, 1)[None]


def hold_still(made: Tensor, first: Tensor, second: Tensor) -> Tensor:
    frame = made[0]
    held = StillPair(first[0], second[0]).hold(frame)
    return made if held is frame else held[None]


def ringed(kind: str) -> Tensor:
    """``(H, W)`` pixels that belong to the overlay, as do their neighbours."""
    marks = [overlay(np.full((*SIZE, 3), level, np.uint8), kind) for level in (0, 128)]
    same = (marks[0] == marks[1]).all(2).astype(np.uint8)
    return torch.from_numpy(cv2.erode(same, np.ones((3, 3), np.uint8)) > 0)


def psnr(made: Tensor, truth: Tensor, where: Tensor) -> float:
    return float(-10 * ((made - truth) ** 2).mean(1)[:, where].mean().log10())


@pytest.mark.parametrize("kind", ["text", "logo", "bar"])
@pytest.mark.parametrize("noise", [0, 1])
@pytest.mark.parametrize("seed", [0, 1])
def test_overlays_stay_and_the_rest_is_no_worse(kind, noise, seed):
    first, truth, second = views(kind, seed, noise)
    dragged = Middle()(first, second).clamp(0, 1)
    made = hold_still(dragged, first, second)
    where = ringed(kind)
    off = ((made - first).abs().amax(1)[0] * 255)[where]
    before = ((dragged - first).abs().amax(1)[0] * 255)[where]
    assert before.max() > 60
    change = ((second - first).abs().amax(1)[0] * 255)[where]
    assert (off <= change + SLACK).all()
    assert psnr(made, truth, ~where) >= psnr(dragged, truth, ~where) - 1e-4


@pytest.mark.parametrize(("radius", "way"), [(6, 15), (8, 20), (5, 14)])
def test_a_thing_that_passes_over_a_still_background_is_left(radius, way):
    background = texture(3)[:, : SIZE[1]]
    frames = []
    for part in (0, 0.5, 1):
        image = background.copy()
        centre = (int(16 * (70 + way * part)), 16 * 60)
        cv2.circle(image, centre, 16 * radius, (250, 240, 60), -1, cv2.LINE_AA, 4)
        frames.append(tensor(image))
    first, truth, second = frames
    made = hold_still(truth.clone(), first, second)
    where = torch.ones(SIZE, dtype=torch.bool)
    assert psnr(first, truth, where) < 29
    assert psnr(made, truth, where) > 36


def test_what_flickers_far_from_all_motion_is_put_back():
    image = tensor(overlay(texture(3)[:, : SIZE[1]].copy(), "logo"))
    moved = image.clone()
    moved[..., 80:100, 20:40] = 1 - moved[..., 80:100, 20:40]
    wrong = image.clone()
    wrong[..., 20:26, 150:156] += 0.3
    made = hold_still(wrong, image, moved)
    assert (made - image).abs()[..., :60, :].max() * 255 <= SLACK


def test_moving_pictures_are_returned_as_they_are():
    wide = texture(2, cell=3)
    first, second = (tensor(wide[:, k : k + SIZE[1]]) for k in (0, 5))
    made = torch.rand(first.shape, generator=torch.Generator().manual_seed(0))
    assert hold_still(made, first, second) is made


def test_a_pair_serves_many_frames():
    made, first, second = (frame[0] for frame in views_made(views("text")))
    pair = StillPair(first, second)
    other = (made + 0.1).clamp(0, 1)
    for frame in (made, other, made):
        assert torch.equal(pair.hold(frame), StillPair(first, second).hold(frame))
    assert not torch.equal(pair.hold(made), made)


def views_made(frames: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    first, _, second = frames
    return Middle()(first, second), first, second


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5), (16, 9)])
def test_tiny_pictures(size):
    generator = torch.Generator().manual_seed(1)
    first, second, made = (torch.rand(1, 3, *size, generator=generator) for _ in range(3))
    second[..., : size[1] // 2] = first[..., : size[1] // 2]
    out = hold_still(made, first, second)
    assert out.shape == made.shape
    assert out.isfinite().all()


def test_the_predictor_holds_if_asked():
    first, _, second = (frame[0] for frame in views("text"))
    request = Request(first, second, Fraction(1, 2))
    held, free = (Predictor(Middle(), still=still)([request])[0] for still in (True, False))
    where = ringed("text")
    assert (held - first).abs()[:, where].max() * 255 <= SLACK
    assert (free - first).abs()[:, where].max() > 60 / 255


def test_it_is_on_unless_switched_off(tmp_path):
    first, _, second = views("text")
    arrays = [
        np.rint(f[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8) for f in (first, second)
    ]
    where = ringed("text").numpy()

    def off(image):
        return np.abs(image.astype(int) - arrays[0])[where].max()

    assert off(list(interpolate_frames(arrays, 2, Middle()))[1]) <= SLACK
    assert off(list(interpolate_frames(arrays, 2, Middle(), still=False))[1]) > 60
    for number, image in enumerate(arrays):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image[..., ::-1])
    pair = (tmp_path / "0.png", {"second": str(tmp_path / "1.png")})
    for settings, small in (({}, True), ({"still": "off"}, False)):
        out = tmp_path / f"out{small}.png"
        interpolate_video(pair[0], out, Middle(), **pair[1], **settings)
        assert (off(cv2.imread(str(out))[..., ::-1]) <= SLACK) == small
    with pytest.raises(ValueError, match="still is 'maybe'; choose from on, off"):
        interpolate_video(pair[0], tmp_path / "x.png", Middle(), still="maybe")


def test_nothing_is_put_back_where_no_pixel_is_sure():
    """As on noise that strays everywhere: there was an error once."""
    generator = torch.Generator().manual_seed(3)
    first = tensor(texture(3)[:, : SIZE[1]])
    second = torch.roll(first, 60, 2)
    made = (first + 0.2 * torch.rand(first.shape, generator=generator)).clamp(0, 1)
    assert hold_still(made, first, second).shape == made.shape


def test_a_wide_thing_that_passes_far_over_a_plain_wall_is_left():
    frames = []
    for top in (0, 34, 68):
        image = np.full((*SIZE, 3), 220, np.uint8)
        image[top : top + 34, 60:110] = (120, 90, 80)
        frames.append(tensor(image))
    first, truth, second = frames
    made = hold_still(truth.clone(), first, second)
    assert psnr(made, truth, torch.ones(SIZE, dtype=torch.bool)) > 36


@pytest.mark.parametrize("line", ["Camera W. Mueller", "Anna Kowalska", "Sound: O. Sax"])
def test_a_plain_ground_between_letters_that_jump_is_left(line):
    """Credits that go farther up than their strokes are wide."""
    frames = []
    for shift in (0, MOVE // 2, MOVE):
        image = np.full((*SIZE, 3), 60, np.uint8)
        for top in range(20, 200, 22):
            font = cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(image, line, (10, top - shift), font, 0.5, (255,) * 3, 1, cv2.LINE_AA)
        frames.append(tensor(image))
    first, truth, second = frames
    made = hold_still(truth.clone(), first, second)
    assert ((made - truth).abs() * 255 <= 8).all()


@pytest.mark.parametrize("way", [(0, -12), (0, -16), (-14, 0), (-20, 0)])
@pytest.mark.parametrize("timestep", [0.5, 0.25])
def test_a_textured_ground_between_letters_that_jump_is_left(way, timestep):
    """Credits and tickers."""
    frames = []
    for part in (0, timestep, 1):
        image = np.ascontiguousarray(texture(3)[:, : SIZE[1]])
        for row, line in enumerate(("Camera W. Mueller", "Anna Kowalska", "Sound: O. Sax")):
            place = int(4 + way[0] * part), int(30 + 26 * row + way[1] * part)
            font = cv2.FONT_HERSHEY_SIMPLEX
            cv2.putText(image, line, place, font, 0.6, (255,) * 3, 2, cv2.LINE_AA)
        frames.append(tensor(image))
    first, truth, second = (frame[0] for frame in frames)
    held = StillPair(first, second).hold(truth.clone(), timestep)
    assert ((held - truth).abs() * 255 > 8).any(0).sum() < 50  # at the letters' edges


@pytest.mark.parametrize("kind", ["text", "logo", "bar"])
@pytest.mark.parametrize("seed", [0, 1])
def test_noise_takes_no_still_pixel_far(kind, seed):
    first, _, second = views(kind, seed, 2)
    made = hold_still(Middle()(first, second).clamp(0, 1), first, second)
    off = ((made - first).abs().amax(1)[0] * 255)[ringed(kind)]
    assert off.max() <= 8.01
