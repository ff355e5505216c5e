"""Animated PNG and WebP as an input."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from tests.helpers.media import Pictures, make
from vfi.video import interpolate_video
from vfi.video.read.animations import is_animation
from vfi.video.read.open import open_source

SHOWN = [100, 40, 300]


def write(path, shown=SHOWN, **options):
    """An animation whose frames are flat, 40 levels apart."""
    first, *rest = (
        Image.fromarray(np.full((20, 30, 3), (40 * number, 100, 50), np.uint8))
        for number in range(len(shown))
    )
    options |= {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=shown, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.apng", "a.webp"])
def test_frames_have_their_own_times(tmp_path, name):
    path = tmp_path / name
    write(path) if name != "a.apng" else write(tmp_path / "a.png").rename(path)
    source = open_source(path)
    pictures = list(source.pictures())
    assert [p.time for p in pictures] == [0, Fraction(1, 10), Fraction(14, 100)]
    assert [int(p.planes[2][5, 5]) for p in pictures] == [0, 40, 80]
    assert source.end == source.info.duration == Fraction(44, 100)
    assert (source.info.rate, source.info.expected) == (None, 3)
    assert not source.problems


def test_a_sequence_of_avif_is_no_video_of_its_still(tmp_path):
    source = open_source(write(tmp_path / "a.avif", quality=100))
    pictures = list(source.pictures())
    assert [p.time for p in pictures] == [0, Fraction(1, 10), Fraction(14, 100)]
    assert all(abs(int(p.planes[2][5, 5]) - 40 * n) <= 3 for n, p in enumerate(pictures))
    assert source.end == Fraction(44, 100)


@pytest.mark.parametrize(("pix_fmt", "deep"), [("yuv420p10le", True), ("yuv420p", False)])
def test_bits_of_avif_that_are_not_read_are_named(tmp_path, pix_fmt, deep):
    pictures = Pictures(range(3), codec="libsvtav1", pix_fmt=pix_fmt)
    source = open_source(make(tmp_path / "a.avif", pictures))
    assert source.problems == ["its more than 8 bits of AVIF are read as 8"] * deep


@pytest.mark.parametrize(("layout", "kind"), [("rgb48be", "rgb"), ("gray16be", "gray")])
def test_sixteen_bits_stay_sixteen(tmp_path, blend, layout, kind):
    ramp = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20
    with av.open(str(tmp_path / "in.png"), "w", format="apng") as output:
        stream = output.add_stream("apng", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(ramp + number, "gray16le").reformat(format=layout)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    source = open_source(tmp_path / "in.png")
    spec = source.info.spec
    assert (spec.kind, spec.depth, spec.alpha) == (kind, 16, False)
    assert [int(p.planes[0][1, 1]) for p in source.pictures()] == [1300, 1301, 1302]
    interpolate_video(tmp_path / "in.png", tmp_path / "out.apng", blend, cut_threshold=None)
    with av.open(str(tmp_path / "out.apng")) as container:
        assert next(container.decode(video=0)).format.name == "rgb48be"


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
@pytest.mark.parametrize("shown", [SHOWN, [40, 40, 40]])
def test_they_become_videos(tmp_path, blend, probe, name, shown):
    path = write(tmp_path / name, shown)
    interpolate_video(path, tmp_path / "out.mkv", blend, codec="ffv1", cut_threshold=None)
    found = probe(tmp_path / "out.mkv")
    starts = np.cumsum([0, *shown])
    expected = [(a + b) / 2000 for a, b in itertools.pairwise(starts)]
    expected = sorted([*(starts[:-1] / 1000), *expected])
    assert np.allclose([float(t) for t in found.times], expected, atol=1e-3)
    levels = [int(image[5, 5, 0]) for image in found.images]
    assert np.abs(np.subtract(levels, [0, 20, 40, 60, 80, 80])).max() <= 2


def test_ntsc_times_are_exact(tmp_path):
    source = open_source(write(tmp_path / "a.png", [1001 / 30] * 4))
    list(source.pictures())
    assert abs(source.info.rate - Fraction(30000, 1001)) < Fraction(1, 1000)


def test_the_still_before_an_animation_is_not_part_of_it(tmp_path):
    path = write(tmp_path / "a.png", [0, 100, 40])
    with Image.open(path) as image:
        frames = []
        for number in range(3):
            image.seek(number)
            frames.append(image.convert("RGB"))
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=[100, 40], default_image=True
    )
    pictures = list(open_source(path).pictures())
    assert [int(p.planes[2][5, 5]) for p in pictures] == [40, 80]
    assert [p.time for p in pictures] == [0, Fraction(1, 10)]


def test_one_image_is_no_animation(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.webp")
    (tmp_path / "b.png").write_bytes(b"no image")
    assert not any(is_animation(tmp_path / name) for name in ("a.png", "a.webp", "b.png"))
    with pytest.raises(ValueError, match="is one image"):
        open_source(tmp_path / "a.png")


def test_an_animation_has_its_own_times(tmp_path):
    with pytest.raises(ValueError, match="has its own frame times"):
        open_source(write(tmp_path / "a.webp"), fps=Fraction(10))


def test_a_cut_short_animation_is_read_as_far_as_it_goes(tmp_path):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)) for _ in range(4)]
    path = tmp_path / "a.png"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 5 // 8])
    source = open_source(path)
    assert 1 <= len(list(source.pictures())) <= 3
    assert len(source.problems) == 1
    assert "cannot be decoded" in source.problems[0]
