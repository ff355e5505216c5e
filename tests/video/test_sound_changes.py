"""Sound of many speakers, and sound that changes where recordings were joined."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.helpers.media import Pictures, Sound, make
from vfi.video import interpolate_video


def joined(folder: Path, first: Sound, second: Sound) -> Path:
    """Two recordings, the second of which begins 60 ms before the first ends."""
    shift = Fraction(12, 25)
    later = Sound(second.codec, shift, second.seconds, second.rate, second.layout)
    parts = [
        make(folder / "a.ts", Pictures(range(12)), [first]),
        make(folder / "b.ts", Pictures(range(12, 24)), [later]),
    ]
    path = folder / "in.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def heard(path: Path) -> tuple[str, float]:
    """The speakers, and for how long there is sound by the time of the last."""
    with av.open(str(path)) as container:
        *_, last = container.decode(audio=0)
        return last.layout.name, float(last.pts * last.time_base) + last.samples / last.sample_rate


@pytest.mark.parametrize("out", ["out.mkv", "out.mp4", "out.webm"])
@pytest.mark.parametrize(
    ("first", "second", "speakers"),
    [
        (Sound("mp2"), Sound("mp2"), ["stereo"]),
        (Sound("mp2"), Sound("mp2", rate=32_000), ["stereo"]),
        (Sound("ac3"), Sound("ac3", layout="5.1(side)"), ["5.1(side)", "5.1"]),
    ],
)
def test_joined_recordings_of_other_rates_and_speakers(
    tmp_path, blend, first, second, speakers, out
):
    summary = interpolate_video(joined(tmp_path, first, second), tmp_path / out, blend)
    assert summary.frames_out == 48
    layout, end = heard(tmp_path / out)
    assert layout in speakers
    assert abs(end - 0.9) < 0.05


@pytest.mark.parametrize("out", ["out.mkv", "out.mov", "out.avi"])
def test_a_gap_in_plain_sound_stays(tmp_path, blend, out):
    """MOV numbers the samples of PCM, AVI its packets: there silence is written."""
    sounds = [Sound("pcm_s16le", seconds=0.2), Sound("pcm_s16le", Fraction(3, 5), 0.2)]
    shown = Pictures(range(20), context={"max_b_frames": 0})
    clip = make(tmp_path / "in.mkv", shown, sounds[:1])
    other = make(tmp_path / "other.mkv", shown, sounds[1:])
    path = tmp_path / "gap.mkv"
    with av.open(str(clip)) as one, av.open(str(other)) as two, av.open(str(path), "w") as output:
        streams = [output.add_stream_from_template(s) for s in one.streams]
        packets = [p for p in one.demux() if p.size]
        packets += [p for p in two.demux(audio=0) if p.size]
        for packet in sorted(packets, key=lambda p: p.pts * p.time_base):
            packet.dts, packet.stream = packet.pts, streams[packet.stream_index]
            output.mux(packet)
    interpolate_video(path, tmp_path / out, blend)
    with av.open(str(tmp_path / out)) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
        loud = [
            frame.pts * frame.time_base
            for frame in container.decode(audio=0)
            if abs(frame.to_ndarray().astype(int)).max() > 1000
        ]
    assert loud[0] < 0.03
    assert any(abs(time - Fraction(3, 5)) < 0.05 for time in loud)
    assert not any(0.25 < time < 0.55 for time in loud)


@pytest.mark.parametrize("layout", ["5.1", "7.1"])
def test_many_speakers_in_slow_motion(tmp_path, blend, layout):
    """Of eight planes PyAV counts nine, and reading the ninth ends the program."""
    clip = make(tmp_path / "in.mp4", sounds=[Sound(layout=layout)])
    interpolate_video(clip, tmp_path / "out.mp4", blend, slow_motion=2)
    speakers, end = heard(tmp_path / "out.mp4")
    assert speakers == layout
    assert abs(end - 0.96) < 0.04
