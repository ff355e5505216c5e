"""Sizes, turns, colours and bits of a video come out as they went in."""

import av
import numpy as np
import pytest

from vfi.video import interpolate_video


@pytest.mark.parametrize(
    ("codec", "name", "size", "pix_fmt", "out", "expected"),
    [
        ("libvpx-vp9", "a.webm", (97, 65), "yuv420p", "out.webm", "yuv420p"),
        ("libvpx-vp9", "a.webm", (97, 65), "yuv420p", "out.mp4", "yuv444p"),
        ("libx264", "a.mp4", (97, 65), "yuv444p", "out.mp4", "yuv444p"),
        ("mpeg4", "a.avi", (97, 65), "yuv420p", "out.avi", "yuv420p"),
        ("libx264", "a.mp4", (96, 65), "yuv422p", "out.mp4", "yuv422p"),
    ],
)
def test_odd_sizes_are_kept(
    make_clip, probe, tmp_path, blend, codec, name, size, pix_fmt, out, expected
):
    clip = make_clip(name, codec, frames=4, size=size, pix_fmt=pix_fmt)
    interpolate_video(clip, tmp_path / out, blend)
    found = probe(tmp_path / out)
    assert (found.width, found.height) == size
    assert found.pixel_format == expected
    assert found.frames == 8


@pytest.mark.parametrize("rotation", [-90, 90, 180])
@pytest.mark.parametrize("out", ["out.mp4", "out.mkv"])
def test_rotation_is_kept(make_clip, probe, tmp_path, blend, rotation, out):
    clip = make_clip(rotation=rotation, frames=4)
    interpolate_video(clip, tmp_path / out, blend)
    found = probe(tmp_path / out)
    assert abs(found.rotation) == abs(rotation)
    assert found.rotation == probe(clip).rotation
    assert (found.width, found.height) == (96, 64)


def test_rotation_is_applied_where_it_cannot_be_kept(make_clip, probe, tmp_path, blend):
    clip = make_clip(rotation=-90, frames=4)
    interpolate_video(clip, tmp_path / "out.avi", blend, crf=1)
    found = probe(tmp_path / "out.avi")
    assert (found.width, found.height, found.rotation) == (64, 96, 0)
    turned = np.rot90(probe(clip).images[0], -1)
    assert np.abs(found.images[0].astype(float) - turned).mean() < 3


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (2, 5, 5, 6), (1, 9, 9, 16), (0, 2, 2, 2)])
def test_colour_tags_are_carried(make_clip, probe, tmp_path, blend, tags):
    clip = make_clip(tags=tags, frames=4)
    assert probe(clip).tags == tags
    interpolate_video(clip, tmp_path / "out.mp4", blend)
    assert probe(tmp_path / "out.mp4").tags == tags


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (2, 6, 6, 6)])
def test_colours_do_not_shift(make_clip, probe, tmp_path, blend, tags):
    clip = make_clip(tags=tags, frames=4)
    interpolate_video(clip, tmp_path / "out.mkv", blend, codec="ffv1")
    before, after = probe(clip), probe(tmp_path / "out.mkv")
    for original, kept in zip(before.images, after.images[::2], strict=True):
        assert np.array_equal(original, kept)


def test_ten_bits_stay_ten_bits(tmp_path, blend):
    clip, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    ramp = np.tile(np.arange(300, 700, dtype=np.uint16), (64, 1))
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 400, 64, "yuv420p10le"
        for number in range(4):
            frame = av.VideoFrame(400, 64, "yuv420p10le")
            for plane, codes in zip(
                frame.planes,
                (ramp + 4 * number, *[np.full((32, 200), 512, np.uint16)] * 2),
                strict=True,
            ):
                rows = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)
                rows[:, : codes.shape[1]] = codes
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    interpolate_video(clip, out, blend, codec="ffv1")
    with av.open(str(out)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 8
    for number, frame in enumerate(frames[:7]):
        assert frame.format.name == "yuv420p10le"
        plane = frame.planes[0]
        codes = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)[0, :400]
        expected = ramp[0] + 2 * number
        assert np.array_equal(codes, expected)


@pytest.mark.parametrize(("out", "codec"), [("out.mp4", "hevc"), ("out.webm", "av1")])
def test_ten_bits_are_encoded(make_clip, probe, tmp_path, blend, out, codec):
    clip = make_clip("a.mkv", "libx265", pix_fmt="yuv420p10le", frames=4)
    interpolate_video(clip, tmp_path / out, blend, codec="av1" if codec == "av1" else "auto")
    found = probe(tmp_path / out)
    assert (found.codec, found.pixel_format) == (codec, "yuv420p10le")


def test_bit_depth_can_be_chosen(make_clip, probe, tmp_path, blend):
    clip = make_clip(frames=4)
    interpolate_video(clip, tmp_path / "out.mp4", blend, bit_depth=10, codec="h264")
    assert probe(tmp_path / "out.mp4").pixel_format == "yuv420p10le"
