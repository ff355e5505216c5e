"""Real clips: as they are, and transcoded to what cameras and phones produce."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vfi.video import interpolate_video

pytestmark = pytest.mark.skipif("VFI_DATA" not in os.environ, reason="needs VFI_DATA")


def clip_path(name: str) -> Path:
    return Path(os.environ["VFI_DATA"]) / "train_clips" / name


def transcode(source: Path, path: Path, codec: str, size: tuple[int, int], **options) -> Path:
    """The first 16 frames of a clip, with its sound, in another form."""
    pix_fmt, rotation = options.get("pix_fmt", "yuv420p"), options.get("rotation")
    gaps = options.get("gaps", [1] * 16)
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        video = clip.streams.video[0]
        stream = output.add_stream(codec, rate=video.average_rate)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        if rotation is not None:
            stream.set_display_rotation(rotation)
        sound = None
        if clip.streams.audio and options.get("sound"):
            sound = output.add_stream_from_template(clip.streams.audio[0])
        time = 0
        for frame, gap in zip(clip.decode(video), gaps, strict=False):
            frame = frame.reformat(*size, format=pix_fmt)
            frame.pts, frame.time_base, frame.pict_type = time, 1 / video.average_rate, 0
            time += gap
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound:
            clip.seek(0)
            for packet in clip.demux(audio=0):
                if (
                    packet.dts is not None
                    and packet.pts * packet.time_base < time / video.average_rate
                ):
                    packet.stream = sound
                    output.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "suffix", "size", "options"),
    [
        ("figure_skating.mp4", "libx264", ".mp4", (320, 180), {"sound": True}),
        ("figure_skating.mp4", "libx265", ".mkv", (320, 180), {"sound": True}),
        ("bear.mp4", "libvpx-vp9", ".webm", (213, 121), {}),
        ("bear.mp4", "mpeg4", ".avi", (212, 120), {}),
        ("train_window.mp4", "libx264", ".mp4", (288, 162), {"rotation": -90, "sound": True}),
        ("carphone_pristine.mp4", "libx265", ".mp4", (176, 144), {"pix_fmt": "yuv420p10le"}),
        ("cat.mp4", "libx264", ".mp4", (184, 240), {"gaps": [1, 1, 3, 1, 2, 1, 1, 4] * 2}),
    ],
)
def test_transcoded(name, codec, suffix, size, options, probe, tmp_path, blend):
    clip = transcode(clip_path(name), tmp_path / f"in{suffix}", codec, size, **options)
    out = tmp_path / f"out{suffix}"
    interpolate_video(clip, out, blend, preset=None)
    before, after = probe(clip), probe(out)
    assert after.frames == 2 * before.frames
    assert abs(after.duration - before.duration) <= max(1 / (2 * before.rate), Fraction(1, 500))
    for original, kept in zip(before.times, after.times[::2], strict=True):
        assert abs(original - kept) <= Fraction(1, 500)
    assert (after.width, after.height, after.rotation) == (*size, before.rotation)
    assert after.tags == before.tags
    assert after.audio == before.audio
    assert abs(after.sound_seconds - before.sound_seconds) < 1e-6
    depth = "10le" if "10le" in before.pixel_format else "420p"
    assert depth in after.pixel_format
    for original, kept in zip(before.images, after.images[::2], strict=True):
        assert np.abs(original.astype(int) - kept).mean() < 6


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("kitten.mp4", "aac"),  # variable rate, mono
        ("asl_walk.mkv", None),  # full range, starts late
        ("flipping_a_pancake.mkv", "opus"),
        ("arm_wrestling.mp4", None),  # pixels that are not square
    ],
)
def test_as_they_are(name, sound, tmp_path, blend):
    clip, out = clip_path(name), tmp_path / f"out{Path(name).suffix}"
    summary = interpolate_video(clip, out, blend, preset="ultrafast")
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        first, second = before.streams.video[0], after.streams.video[0]
        frame = 1 / first.average_rate
        assert second.sample_aspect_ratio == first.sample_aspect_ratio
        assert second.codec_context.color_range == first.codec_context.color_range
        assert abs(Fraction(after.duration - before.duration, av.time_base)) <= frame
        counts = [sum(p.size > 0 for p in c.demux(video=0)) for c in (before, after)]
        assert counts[1] == 2 * counts[0] == summary.frames_out
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        if sound:
            packets = [[bytes(p) for p in c.demux(audio=0) if p.size] for c in (before, after)]
            assert packets[0] == packets[1]
            assert after.streams.audio[0].codec_context.codec.canonical_name == sound
