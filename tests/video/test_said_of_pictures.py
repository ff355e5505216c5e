"""What a file says of its pictures: which part of them is shown, and what new ones cannot tell."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from tests.helpers.media import Pictures, make
from vfi.video import interpolate_video
from vfi.video.read.open import open_source

_SIZE = 96, 64
_CLAP = struct.pack(">I4s8i", 40, b"clap", 80, 1, 48, 1, -2, 1, 2, 1)
_HEADS = {b"stsd": 16, None: 8 + 78}  # bytes before the boxes inside
_PLAIN = Pictures(range(3), size=_SIZE, context={"max_b_frames": 0})
_HDR = Pictures(
    range(3),
    codec="libx265",
    size=_SIZE,
    pix_fmt="yuv420p10le",
    tags=(1, 9, 9, 16),
    options={"x265-params": "log-level=none"},
)
_HDR10_PLUS = bytes.fromhex("b5003c0001040140000c80ea6075303a9804e2000a00")


def dolby_vision(profile: int) -> bytes:
    """The box that says so (Dolby Vision Streams within the ISO Base Media File Format)."""
    return struct.pack(">I4sBBHB", 32, b"dvvC", 1, 0, profile << 9 | 0b1101, 1 << 4) + bytes(19)


def with_box(path: Path, box: bytes) -> Path:
    """Puts a box into the description of the pictures, the first stream of an MP4 file."""
    data = bytearray(path.read_bytes())
    start, end, around = 0, len(data), []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", None):
        while name not in (None, bytes(data[start + 4 : start + 8])):
            start += int.from_bytes(data[start : start + 4], "big")
        around.append(start)
        end, start = (
            start + int.from_bytes(data[start : start + 4], "big"),
            start + _HEADS.get(name, 8),
        )
    data[end:end] = box
    for place in around:
        size = int.from_bytes(data[place : place + 4], "big") + len(box)
        data[place : place + 4] = size.to_bytes(4, "big")
    path.write_bytes(data)
    return path


def copied(clip: Path, path: Path, how: str = "null") -> Path:
    """The same packets, one each 1/25 s, filtered."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        video = source.streams.video[0]
        words = BitStreamFilterContext(how, video)
        stream = output.add_stream_from_template(video)
        packets = [p for q in source.demux(video) for p in words.filter(q if q.size else None)]
        for number, packet in enumerate(packets):
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            output.mux(packet)
    return path


def clip(folder: Path, kind: str) -> Path:
    """A clip of which all but 80x48 pixels, from (6, 10) on, are hidden."""
    if kind == "stream":
        how = "h264_metadata=crop_left=6:crop_right=10:crop_top=10:crop_bottom=6"
        return copied(make(folder / "whole.h264", _PLAIN), folder / "in.h264", how)
    if kind == "av1":
        plain = Pictures(range(3), size=_SIZE, codec="libsvtav1")
        return with_box(make(folder / "in.mp4", plain), _CLAP)
    boxed = with_box(make(folder / "in.mp4", _PLAIN), _CLAP)
    return boxed if kind == "mp4" else copied(boxed, folder / f"in.{kind}")


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.avi", "out.gif"])
@pytest.mark.parametrize("kind", ["mp4", "mkv", "stream", "av1"])
def test_hidden_pixels_stay_hidden(tmp_path, blend, kind, out):
    path = clip(tmp_path, kind)
    interpolate_video(path, tmp_path / out, blend)
    with av.open(str(tmp_path / out)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (80, 48)


@pytest.mark.parametrize("kind", ["mp4", "stream"])
def test_the_part_that_is_shown_is_the_one_that_is_said(tmp_path, kind):
    shown, *_ = open_source(clip(tmp_path, kind)).pictures()
    make(tmp_path / "all.mp4", _PLAIN)
    whole, *_ = open_source(tmp_path / "all.mp4").pictures()
    for found, plane, half in zip(shown.planes, whole.planes, (1, 2, 2), strict=True):
        top, left = 10 // half, 6 // half
        wanted = plane[top : top + 48 // half, left : left + 80 // half]
        assert np.abs(found.astype(int) - wanted).mean() < 0.5


def _told(folder: Path, what: str) -> Path:
    if what.startswith("Dolby"):
        path = make(folder / "in.mp4", _HDR)
        return with_box(path, dolby_vision(8))
    path = make(folder / "in.hevc", _HDR)
    message = bytes([39 << 1, 1, 4, len(_HDR10_PLUS)]) + _HDR10_PLUS + b"\x80"
    path.write_bytes(b"\0\0\0\1" + message + path.read_bytes())
    return path


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("what", ["Dolby Vision", "the light of each scene (HDR10+)"])
def test_what_each_picture_tells_is_lost_with_a_warning(tmp_path, blend, caplog, what, out):
    summary = interpolate_video(_told(tmp_path, what), tmp_path / out, blend)
    assert summary.lost == [f"{what}: new frames have none"]
    assert caplog.text.count(what) == 1
    assert b"dvvC" not in (tmp_path / out).read_bytes()


def test_colours_that_only_dolby_vision_tells_are_refused(tmp_path, blend):
    path = with_box(make(tmp_path / "in.mp4", _HDR), dolby_vision(5))
    with pytest.raises(ValueError, match="profile 5"):
        interpolate_video(path, tmp_path / "out.mp4", blend)


def test_colours_that_only_the_file_tells(tmp_path, blend, probe):
    """Frames of ProRes have tags of their own, here none."""
    pictures = Pictures(range(3), codec="prores_ks", pix_fmt="yuv422p10le", tags=(1, 9, 9, 18))
    interpolate_video(make(tmp_path / "in.mov", pictures), tmp_path / "out.mp4", blend)
    assert probe(tmp_path / "out.mp4").tags == (1, 9, 9, 18)


def test_bits_that_a_codec_lacks_are_reported(tmp_path, blend):
    summary = interpolate_video(make(tmp_path / "in.mp4", _HDR), tmp_path / "out.webm", blend)
    assert summary.changed == ["vp9 writes 8 bits here, not 10"]
