"""What an input holds beside plain pictures: kept as it is, or said to be changed or lost."""

import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from tests.helpers.signals import remuxed
from vfi.video import interpolate_video
from vfi.video.read.media import is_cover


def test_streams_that_are_lost_are_named(tmp_path, make_clip, blend, caplog):
    clip, path = make_clip(sound="aac"), tmp_path / "two.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        first, sound = source.streams.video[0], source.streams.audio[0]
        streams = [output.add_stream_from_template(s, opaque=True) for s in (first, first, sound)]
        streams[0].metadata.update({"BPS": "1234", "DURATION-eng": "00:00:09.0", "title": "one"})
        streams[2].metadata["_STATISTICS_TAGS"] = "BPS"
        output.metadata["NUMBER_OF_FRAMES-eng"] = "7"
        for packet in source.demux():
            if packet.dts is None:
                continue
            for stream in streams[:2] if packet.stream is first else streams[2:]:
                packet.stream = stream
                output.mux(packet)
    summary = interpolate_video(path, tmp_path / "out.mkv", blend)
    assert summary.changed == ["stream 1 (video, h264): copied, not interpolated"]
    assert "stream 1 (video, h264): copied, not interpolated" in caplog.text
    for number, frames in ((0, 24), (1, 12)):
        with av.open(str(tmp_path / "out.mkv")) as container:
            shown = list(container.decode(video=number))
            assert len(shown) == frames
            assert abs(shown[-1].time - (frames - 1) / 2 / frames) < 0.03
    summary = interpolate_video(path, tmp_path / "out.avi", blend)
    assert "stream 1 (video, h264) is left out" in caplog.text
    assert [text for text in summary.lost if text.startswith("stream 1 (video")]
    with av.open(str(tmp_path / "out.mkv")) as container:
        tags = [container.metadata, *(stream.metadata for stream in container.streams)]
        assert container.streams.video[0].metadata["title"] == "one"
    keys = {key.upper().partition("-")[0] for tag in tags for key in tag}
    assert not keys & {"BPS", "_STATISTICS_TAGS", "NUMBER_OF_FRAMES"}


def test_the_report_is_what_a_probe_says(make_clip, tmp_path, blend):
    clip = make_clip("in.mkv", sound="aac", rate=Fraction(24000, 1001))
    interpolate_video(clip, tmp_path / "out.mp4", blend, crf=30)
    report = json.loads((tmp_path / "out.mp4.json").read_text(encoding="utf-8"))
    for key, path in (("source", clip), ("result", tmp_path / "out.mp4")):
        with av.open(str(path)) as container:
            stream, facts = container.streams.video[0], report[key]
            assert facts["container"] == container.format.name
            assert facts["codec"] == stream.codec_context.codec.canonical_name
            assert facts["pixel_format"] == stream.codec_context.pix_fmt
            assert abs(facts["duration"] - container.duration / av.time_base) < 1e-6
            assert abs(facts["rate"] - float(stream.average_rate)) < 0.01 * facts["rate"]
    assert report["kept"] == ["stream 1 (audio, aac): copied"]
    assert report["changed"] == report["lost"] == []
    assert report["settings"]["crf"] == "30"
    assert report["device"] == "cpu"


@pytest.mark.parametrize("out", ["a.mp4", "a.mov", "a.mkv", "a.avi"])
def test_a_phones_tags(make_clip, tmp_path, blend, out):
    clip, path = make_clip(), tmp_path / "phone.mov"
    tags = {"com.apple.quicktime.make": "Apple", "title": "Ein Titel"}
    with (
        av.open(str(clip)) as source,
        av.open(str(path), "w", container_options={"movflags": "use_metadata_tags"}) as output,
    ):
        output.metadata.update(tags)
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    summary = interpolate_video(path, tmp_path / out, blend)
    with av.open(str(tmp_path / out)) as container:
        held = {key.lower(): value for key, value in container.metadata.items()}
    assert held["title"] == "Ein Titel"
    kept = held.get("com.apple.quicktime.make") == "Apple"
    assert kept != any("com.apple.quicktime.make" in text for text in summary.lost)
    assert kept or out == "a.avi"


def test_a_time_code_is_no_loss_and_other_data_is_named(make_clip, tmp_path, blend, caplog):
    """PyAV tells no four letters of a data stream, nor any codec."""
    clip = make_clip(frames=4)
    coded = remuxed(clip, tmp_path / "in.mov", timecode="01:00:00:00")
    with av.open(str(coded)) as container:
        assert [stream.type for stream in container.streams] == ["video", "data"]
    summary = interpolate_video(coded, tmp_path / "a.mkv", blend)
    assert (summary.lost, caplog.text) == ([], "")
    tape = make_clip("in.mxf", "mpeg2video", frames=4, rate=Fraction(25))
    summary = interpolate_video(tape, tmp_path / "a.mp4", blend)
    assert not any("timecode" in line for line in summary.lost)  # a stream holds it
    caplog.clear()
    path = tmp_path / "in.ts"
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        data = output.add_data_stream("bin_data")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                note = av.Packet(b"note")
                note.pts = note.dts = packet.dts
                note.stream, note.time_base = data, packet.time_base
                packet.stream = stream
                output.mux(packet)
                output.mux(note)
    summary = interpolate_video(path, tmp_path / "b.mkv", blend)
    assert len(summary.lost) == 1
    assert summary.lost[0].startswith("stream 1 (data, ")
    assert summary.lost[0].endswith("data beside the video is not kept")
    assert caplog.text.count("is left out") == 1


@pytest.mark.parametrize(("out", "kept"), [("a.mp4", True), ("a.mkv", True), ("a.mov", False)])
def test_cover_art(make_clip, tmp_path, blend, out, kept):
    encoded, cover = cv2.imencode(".png", np.full((16, 24, 3), (40, 120, 230), np.uint8))
    assert encoded
    clip, path = make_clip(frames=4, sound="aac"), tmp_path / "in.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        pairs = {
            stream.index: output.add_stream_from_template(stream, opaque=True)
            for stream in source.streams
        }
        output.add_attachment("cover.png", "image/png", cover.tobytes())
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = pairs[packet.stream.index]
                output.mux(packet)
    summary = interpolate_video(path, tmp_path / out, blend)
    with av.open(str(tmp_path / out)) as container:
        covers = [s for s in container.streams.video if is_cover(s)]
        assert len(covers) == int(kept)
        if kept:
            image = next(container.decode(covers[0])).to_ndarray(format="bgr24")
            assert image.shape == (16, 24, 3)
            assert image[8, 12].tolist() == [40, 120, 230]
    assert kept != bool(summary.lost)
    assert summary.changed == []
