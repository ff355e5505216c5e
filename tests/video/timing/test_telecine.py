"""Telecined and interlaced video is named; plain video is not."""

import logging
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.media import Pictures, make
from vfi.video import interpolate_video
from vfi.video.read.colour import PixelSpec
from vfi.video.read.open import open_source
from vfi.video.read.rates import film_rate
from vfi.video.read.source import Picture
from vfi.video.timing.film import FilmSource
from vfi.video.timing.telecine import (
    INTERLACED,
    PARTLY_INTERLACED,
    SOFT_TELECINE,
    TELECINE,
    CombWatch,
)

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


def advanced(count: int) -> list[np.ndarray]:
    """2:3:3:2 pulldown, as of some cameras: A, B, B+C, C, D."""
    fields = [n for n in range(count) for _ in range(2 + (n % 4 in (1, 2)))]
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [weave(moment(top), moment(bottom)) for top, bottom in pairs]


FILMS = {
    "telecine": lambda: telecined(28),
    "advanced": lambda: advanced(28),
    "interlaced": lambda: [weave(moment(n), moment(n + 0.5)) for n in range(30)],
    "mixed": lambda: [moment(n) for n in range(40)] + FILMS["interlaced"](),
    "progressive": lambda: [moment(n) for n in range(30)],
    "still": lambda: [moment(0)] * 30,
    "long stripes": lambda: (
        [weave(moment(0), 255 - moment(0))] * 30 + [moment(n) for n in range(40)]
    ),
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
        ("advanced", TELECINE),
        ("interlaced", INTERLACED),
        ("mixed", PARTLY_INTERLACED),
        ("progressive", None),
        ("still", None),
        ("stripes", None),
        ("long stripes", None),
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


def test_dither_of_a_gif_is_not_taken_for_it(tmp_path, blend):
    images = [Image.fromarray(image) for image in FILMS["interlaced"]()]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    assert interpolate_video(tmp_path / "a.gif", tmp_path / "b.mkv", blend).problems == []


def film(count: int, noise: int) -> list[np.ndarray]:
    """Whole frames with grain of so many levels."""
    rng = np.random.default_rng(5)
    grains = [rng.integers(-noise, noise + 1, (HEIGHT, WIDTH, 3)) for _ in range(count)]
    return [np.clip(moment(n) + g, 0, 255).astype(np.uint8) for n, g in enumerate(grains)]


def pulled_down(count: int, bottom_first: bool, first: int, noise: int) -> list[np.ndarray]:
    """Video of film frames whose pulldown begins anywhere, in either order of fields."""
    films = film(count, noise)
    fields = [n for n in range(count) for _ in range(2 + n % 2)][2 * first :]
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    if bottom_first:
        return [weave(films[late], films[early]) for early, late in pairs]
    return [weave(films[early], films[late]) for early, late in pairs]


@pytest.mark.parametrize("bottom_first", [False, True])
@pytest.mark.parametrize(("first", "noise"), [(0, 0), (1, 0), (3, 0), (4, 0), (0, 6), (3, 6)])
def test_film_is_restored(tmp_path, bottom_first, first, noise):
    images = pulled_down(25, bottom_first, first, noise)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[..., 1]), "gray")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    source = FilmSource(open_source(path))
    found = list(source.pictures())
    assert source.info.rate == Fraction(24000, 1001)
    assert abs(len(found) - source.info.expected) <= 1
    assert [p.time for p in found] == [n * Fraction(1001, 24000) for n in range(len(found))]
    films = {image[..., 1].tobytes(): n for n, image in enumerate(film(25, noise))}
    whole = [films.get(picture.planes[0].tobytes()) for picture in found]
    known = [n for n in whole[2:-2] if n is not None]  # a woven first frame has none before it
    assert len(known) >= len(whole) - 4
    assert source.problems == []


def test_film_of_cameras_is_restored(tmp_path):
    path = encode(tmp_path / "a.mkv", advanced(28), qp="0")
    found = [picture.planes[0] for picture in FilmSource(open_source(path)).pictures()]
    encode(tmp_path / "film.mkv", [moment(n) for n in range(28)], qp="0")
    films = [picture.planes[0] for picture in open_source(tmp_path / "film.mkv").pictures()]
    whole = [any(np.array_equal(image, film) for film in films) for image in found]
    assert len(found) == 28
    assert sum(whole) >= 26


def test_the_film_is_interpolated_and_other_video_is_named(tmp_path, blend, probe):
    clip = encode(tmp_path / "a.mkv", FILMS["telecine"](), crf="10")
    summary = interpolate_video(clip, tmp_path / "b.mp4", blend, inverse_telecine=True)
    assert (summary.frames_in, summary.frames_out, summary.output_fps) == (28, 56, "48")
    assert summary.problems == []
    assert abs(probe(tmp_path / "b.mp4").duration - probe(clip).duration) <= Fraction(1, 24)
    clip = encode(tmp_path / "c.mkv", FILMS["progressive"](), crf="10")
    summary = interpolate_video(clip, tmp_path / "d.mp4", blend, inverse_telecine=True)
    assert [text for text in summary.problems if "leave --inverse-telecine out" in text]


def test_a_varying_rate_is_no_pulldown(make_clip, tmp_path, blend):
    clip = make_clip(times=[0, 33, 66, 200], tick=Fraction(1, 1000))
    with pytest.raises(ValueError, match="inverse_telecine needs a video of a constant rate"):
        interpolate_video(clip, tmp_path / "out.mp4", blend, inverse_telecine=True)


def test_tiny_pictures_are_not_called_woven():
    """Of a few pixels some stand in combs by chance, and some of these in a rhythm."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        height, width = rng.integers(6, 40, 2)
        watch = CombWatch()
        for number in range(30):
            plane = rng.integers(60, 190, (height, width)).astype(np.uint8)
            watch.see(Picture([plane], PixelSpec("gray"), Fraction(number, 30), number))
        assert watch.verdict() != TELECINE


def softly(path, lengths: list[int]):
    """Whole film frames, each shown for so many fields of 60000/1001 a second."""
    starts = [sum(lengths[:n]) for n in range(len(lengths))]
    return make(path, Pictures(starts, tick=Fraction(1001, 60000)))


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4", "in.ts"])
@pytest.mark.parametrize("first", [2, 3])
def test_soft_pulldown_is_named_and_made_even(tmp_path, blend, probe, name, first):
    clip = softly(tmp_path / name, [first, 5 - first] * 12)
    assert interpolate_video(clip, tmp_path / "a.mp4", blend).problems == [SOFT_TELECINE]
    summary = interpolate_video(clip, tmp_path / "b.mp4", blend, inverse_telecine=True)
    assert summary.problems == []
    rate = 2 * Fraction(24000, 1001)
    assert summary.output_fps == str(rate)
    times = probe(tmp_path / "b.mp4").times
    assert [round(time * rate) for time in times] == list(range(48))
    assert all(abs(time * rate - round(time * rate)) < 0.01 for time in times)


@pytest.mark.parametrize("lengths", [[2, 2, 4, 2], [2, 2, 2, 3, 3, 3], [5, 0.1, 3], [2, 3, 4]])
def test_other_times_are_no_soft_pulldown(lengths):
    times = [Fraction(sum((lengths * 9)[:n])).limit_denominator(10) / 60 for n in range(24)]
    assert film_rate(times, Fraction(1, 1000)) is None


@pytest.mark.parametrize("later", [False, True])
def test_what_is_flagged_as_interlaced_is_reported(tmp_path, blend, later):
    """Also where only later parts of a recording are."""
    woven = Pictures(options={"x264-params": "interlaced=1"})
    parts = [
        make(tmp_path / "a.ts", Pictures() if later else woven),
        make(tmp_path / "b.ts", woven),
    ]
    (tmp_path / "in.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    summary = interpolate_video(tmp_path / "in.ts", tmp_path / "out.mp4", blend)
    assert [text[:21] for text in summary.problems] == ["flagged as interlaced"]
    assert interpolate_video(make(tmp_path / "c.ts"), tmp_path / "d.mp4", blend).problems == []
