"""Jobs that are killed, interrupted, resumed or given half a file."""

import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import av
import numpy as np
import pytest

from vfi.checkpoints.formats import weights_digest
from vfi.models import RIFE, VARIANTS
from vfi.video import interpolate_video

# Forked, so that starting takes no time; nothing here has threads of its own at that moment.
FORK = multiprocessing.get_context("fork")


def slowed(blend, pause: float):
    """The same model by name and weights, that waits before every frame."""

    class Slow(type(blend)):
        def forward(self, *args, **kwargs):
            time.sleep(pause)
            return super().forward(*args, **kwargs)

    Slow.__name__ = type(blend).__name__
    return Slow()


def start(model, clip: Path, out: Path, resume: bool = False) -> FORK.Process:
    def work() -> None:
        logging.basicConfig(filename=f"{out}.log", force=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interpolate_video(clip, out, model, segment=8, batch_size=3, resume=resume)

    process = FORK.Process(target=work)
    process.start()
    return process


def end_of(process: FORK.Process) -> int:
    process.join(timeout=120)
    return process.exitcode


def stop_halfway(process: FORK.Process, folder: Path, how: int, pieces: int = 2) -> None:
    deadline = time.monotonic() + 120
    while len(list(folder.glob("[0-9]*.*"))) < pieces + 1:  # finished ones and one begun
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, how)
    process.join(timeout=60)


def test_killed_and_resumed_gives_the_same_frames(make_clip, probe, tmp_path, blend):
    clip = make_clip(frames=24, sound="aac", cut_at=13)
    whole, killed, parts = tmp_path / "whole.mp4", tmp_path / "out.mp4", tmp_path / "out.mp4.parts"
    interpolate_video(clip, whole, blend, segment=8, batch_size=3)
    process = start(slowed(blend, 0.2), clip, killed)
    stop_halfway(process, parts, signal.SIGKILL)
    assert process.exitcode == -signal.SIGKILL
    assert not killed.exists()
    kept = {path: path.stat().st_mtime_ns for path in parts.glob("00000[01].mkv")}
    assert len(kept) == 2
    process = start(slowed(blend, 0.1), clip, killed, resume=True)
    stop_halfway(process, parts, signal.SIGKILL, pieces=3)
    assert kept == {path: path.stat().st_mtime_ns for path in parts.glob("00000[01].mkv")}
    assert end_of(start(blend, clip, killed, resume=True)) == 0
    assert not parts.exists()
    one, other = probe(whole), probe(killed)
    assert one.times == other.times
    assert np.array_equal(one.images, other.images)
    assert killed.read_bytes() == whole.read_bytes()


def test_a_gif_is_resumed_too(make_clip, tmp_path, blend):
    clip = make_clip(frames=24, rate=12, cut_at=13)
    interpolate_video(clip, tmp_path / "whole.gif", blend, segment=8)
    with pytest.raises(RuntimeError, match="power cut"):
        interpolate_video(clip, tmp_path / "out.gif", failing(blend, 12), segment=8)
    summary = interpolate_video(clip, tmp_path / "out.gif", blend, segment=8, resume=True)
    assert summary.resumed == 24
    assert (tmp_path / "out.gif").read_bytes() == (tmp_path / "whole.gif").read_bytes()


def failing(blend, runs: int):
    """A model that is the same by name and weights, but gives up after some frames."""

    class Failing(type(blend)):
        def forward(self, *args, **kwargs):
            if self.runs > runs:
                time.sleep(1)  # lets the frames made so far be written
                raise RuntimeError("power cut")
            return super().forward(*args, **kwargs)

    Failing.__name__ = type(blend).__name__
    return Failing()


def test_interrupted_leaves_no_output_and_can_go_on(make_clip, tmp_path, blend):
    clip, out = make_clip(frames=24), tmp_path / "out.mp4"
    process = start(slowed(blend, 0.2), clip, out)
    stop_halfway(process, tmp_path / "out.mp4.parts", signal.SIGINT)
    assert process.exitcode != 0
    assert not out.exists()
    assert "repeat the command with --resume" in (tmp_path / "out.mp4.log").read_text()
    assert not list((tmp_path / "out.mp4.parts").glob("*.part"))
    assert end_of(start(blend, clip, out, resume=True)) == 0
    assert out.exists()


def test_image_folders_are_resumed_too(make_clip, tmp_path, blend):
    clip = make_clip(frames=40)
    interpolate_video(clip, tmp_path / "whole", blend)
    with pytest.raises(RuntimeError, match="power cut"):
        interpolate_video(clip, tmp_path / "out", failing(blend, 20))
    assert not (tmp_path / "out").exists()
    blend.runs = 0
    summary = interpolate_video(clip, tmp_path / "out", blend, resume=True)
    assert (summary.resumed, summary.generated) == (32, 39 - 16)
    whole = sorted((tmp_path / "whole").iterdir())
    assert len(whole) == 80
    for path in whole:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_another_job_is_not_resumed(make_clip, tmp_path, blend, monkeypatch):
    clip = make_clip(frames=24)
    with pytest.raises(RuntimeError, match="power cut"):
        interpolate_video(clip, tmp_path / "out.mp4", failing(blend, 12), segment=8)
    with pytest.raises(ValueError, match="another crf;"):
        interpolate_video(clip, tmp_path / "out.mp4", blend, segment=8, crf=30, resume=True)
    with monkeypatch.context() as patch:  # whose segments may not fit these
        patch.setattr("vfi.video.job.__version__", "0")
        with pytest.raises(ValueError, match="another version;"):
            interpolate_video(clip, tmp_path / "out.mp4", blend, segment=8, resume=True)
    summary = interpolate_video(clip, tmp_path / "out.mp4", blend, segment=8)
    assert summary.resumed == 0


def test_resume_without_a_job_starts_one(make_clip, tmp_path, blend):
    summary = interpolate_video(make_clip(), tmp_path / "out.mp4", blend, resume=True)
    assert (summary.resumed, summary.frames_out) == (0, 24)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx-vp9")]
)
def test_truncated_input_yields_what_can_be_decoded(
    make_clip, probe, tmp_path, blend, caplog, name, codec
):
    clip = make_clip(name, codec, frames=96, size=(192, 128))
    data = clip.read_bytes()
    clip.write_bytes(data[: int(len(data) * 0.6)])
    summary = interpolate_video(clip, tmp_path / "out.mp4", blend)
    assert 24 < summary.frames_in < 90
    assert probe(tmp_path / "out.mp4").frames == 2 * summary.frames_in
    assert any("truncated" in text or "stopped early" in text for text in summary.problems)
    assert summary.problems[0] in caplog.text


def test_truncated_mp4_with_its_index_in_front(make_clip, probe, tmp_path, blend):
    clip, front = make_clip(frames=96, size=(192, 128), sound="aac"), tmp_path / "front.mp4"
    with (
        av.open(str(clip)) as source,
        av.open(str(front), "w", container_options={"movflags": "faststart"}) as output,
    ):
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    data = front.read_bytes()
    front.write_bytes(data[: int(len(data) * 0.6)])
    summary = interpolate_video(front, tmp_path / "out.mp4", blend)
    found = probe(tmp_path / "out.mp4")
    assert 24 < summary.frames_in < 90
    assert found.frames == 2 * summary.frames_in
    assert found.audio == "aac"
    assert summary.problems


def test_damage_in_the_middle_is_survived(make_clip, probe, tmp_path, blend):
    clip = make_clip("a.avi", "mpeg4", frames=48, size=(192, 128))
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    clip.write_bytes(data)
    summary = interpolate_video(clip, tmp_path / "out.mp4", blend, cut_threshold=None)
    assert summary.frames_in >= 24
    assert probe(tmp_path / "out.mp4").frames == summary.frames_out


def test_equal_weights_that_warp_otherwise_are_another_model():
    spec = VARIANTS["rife_v4.0"].for_inference()
    networks = [RIFE(spec), RIFE(spec), RIFE(spec.replace(warp_at_scale=True))]
    for network in networks[1:]:
        network.load_state_dict(networks[0].state_dict())
    official, same, lean = (weights_digest(network) for network in networks)
    assert official == same != lean
