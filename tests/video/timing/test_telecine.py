"""Telecined and interlaced video is named; plain video is not."""

import logging

import av
import cv2
import numpy as np
import pytest

from vfi.video import interpolate_video
from vfi.video.read.open import open_source
from vfi.video.timing.telecine import INTERLACED, TELECINE, CombWatch

WIDTH, HEIGHT = 160, 120


def moment(time: float) -> np.ndarray:
    """``(H, W, 3)`` a textured scene that moves 3 pixels in each unit of time."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(20, 230, (15, 60, 3)).astype(np.uint8)
    wide = cv2.resize(coarse, (480, HEIGHT), interpolation=cv2.INTER_CUBIC)
    shift = np.float32([[1, 0, -3 * time], [0, 1, 0]])
    return cv2.warpAffine(wide, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


def weave(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    frame = top.copy()
    frame[1::2] = bottom[1::2]
    return frame


def telecined(count: int) -> list[np.ndarray]:
    """3:2 pulldown: of the film frames A B C D come A, B, B+C, C+D, D."""
    fields = [n for n in range(count) for _ in range(2 + n % 2)]
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [weave(moment(top), moment(bottom)) for top, bottom in pairs]


FILMS = {
    "telecine": lambda: telecined(28),
    "interlaced": lambda: [weave(moment(n), moment(n + 0.5)) for n in range(30)],
    "progressive": lambda: [moment(n) for n in range(30)],
    "still": lambda: [moment(0)] * 30,
    "stripes": lambda: [weave(moment(0), 255 - moment(0))] * 15 + [moment(n) for n in range(40)],
}


def encode(path, images, **options):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for image in images:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize("crf", ["10", "20"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("telecine", TELECINE),
        ("interlaced", INTERLACED),
        ("progressive", None),
        ("still", None),
        ("stripes", None),
    ],
)
def test_it_is_told(tmp_path, name, expected, crf):
    watch = CombWatch()
    for picture in open_source(encode(tmp_path / "a.mkv", FILMS[name](), crf=crf)).pictures():
        watch.see(picture)
    assert watch.verdict() == expected


def test_the_report_names_it_and_what_to_do(tmp_path, blend, caplog):
    clip = encode(tmp_path / "a.mkv", FILMS["telecine"](), crf="15")
    with caplog.at_level(logging.WARNING):
        summary = interpolate_video(clip, tmp_path / "b.mkv", blend, codec="ffv1")
    assert TELECINE in summary.problems
    assert caplog.text.count("telecined (3:2)") == 1
