"""Jobs that are killed, interrupted, resumed or given half a file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vfi.interpolate import interpolate_video

SCRIPT = """
import sys, time, torch
torch.set_num_threads(1)
from vfi.interpolate import interpolate_video

class Slow(torch.nn.Module):
    def forward(self, img0, img1, timestep=0.5, flow_scale=1.0):
        time.sleep(float(sys.argv[3]))
        return img0 * 0.5 + img1 * 0.5

interpolate_video(
    sys.argv[1], sys.argv[2], Slow(), segment=8, batch_size=3, resume=sys.argv[4] == "resume"
)
"""
ROOT = Path(__file__).parents[2]


def start(clip: Path, out: Path, pause: float, mode: str = "fresh") -> subprocess.Popen:
    command = [sys.executable, "-c", SCRIPT, str(clip), str(out), str(pause), mode]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def stop_halfway(process: subprocess.Popen, folder: Path, how: int, pieces: int = 2) -> None:
    deadline = time.monotonic() + 120
    while len(list(folder.glob("[0-9]*.*"))) < pieces + 1:  # finished ones and one begun
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    process.wait(timeout=60)


@pytest.mark.parametrize("out", ["out.mp4", "out.gif"])
def test_killed_and_resumed_gives_the_same_frames(make_clip, probe, tmp_path, out):
    clip = make_clip(frames=24, sound="aac", cut_at=13)
    if out.endswith("gif"):
        clip = make_clip(frames=24, rate=12, cut_at=13)
    whole, killed = tmp_path / f"whole_{out}", tmp_path / out
    assert start(clip, whole, 0).wait(timeout=120) == 0
    process = start(clip, killed, 0.3)
    parts = tmp_path / f"{out}.parts"
    stop_halfway(process, parts, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not killed.exists()
    kept = {path: path.stat().st_mtime_ns for path in parts.glob("00000[01].mkv")}
    assert len(kept) == 2
    process = start(clip, killed, 0.02, "resume")
    stop_halfway(process, parts, signal.SIGKILL, pieces=3)
    assert kept == {path: path.stat().st_mtime_ns for path in parts.glob("00000[01].mkv")}
    assert start(clip, killed, 0, "resume").wait(timeout=120) == 0
    assert not parts.exists()
    one, other = probe(whole), probe(killed)
    assert one.times == other.times
    assert np.array_equal(one.images, other.images)
    assert killed.read_bytes() == whole.read_bytes()


def test_interrupted_leaves_no_output_and_can_go_on(make_clip, tmp_path):
    clip, out = make_clip(frames=24), tmp_path / "out.mp4"
    process = start(clip, out, 0.3)
    stop_halfway(process, tmp_path / "out.mp4.parts", signal.SIGINT)
    assert process.returncode != 0
    assert not out.exists()
    assert "repeat the command with --resume" in process.stderr.read()
    assert not list((tmp_path / "out.mp4.parts").glob("*.part"))
    assert start(clip, out, 0, "resume").wait(timeout=120) == 0
    assert out.exists()


def test_image_folders_are_resumed_too(make_clip, tmp_path, blend):
    clip = make_clip(frames=40)
    interpolate_video(clip, tmp_path / "whole", blend)

    class Failing(type(blend)):
        def forward(self, *args, **kwargs):
            if self.runs > 20:
                time.sleep(1)  # lets the frames made so far be written
                raise RuntimeError("power cut")
            return super().forward(*args, **kwargs)

    Failing.__name__ = type(blend).__name__
    with pytest.raises(RuntimeError, match="power cut"):
        interpolate_video(clip, tmp_path / "out", Failing())
    assert not (tmp_path / "out").exists()
    blend.runs = 0
    summary = interpolate_video(clip, tmp_path / "out", blend, resume=True)
    assert (summary.resumed, summary.generated) == (32, 39 - 16)
    whole = sorted((tmp_path / "whole").iterdir())
    assert len(whole) == 80
    for path in whole:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_another_job_is_not_resumed(make_clip, tmp_path, blend):
    clip = make_clip(frames=24)

    class Failing(type(blend)):
        def forward(self, *args, **kwargs):
            if self.runs > 12:
                time.sleep(1)
                raise RuntimeError("power cut")
            return super().forward(*args, **kwargs)

    with pytest.raises(RuntimeError, match="power cut"):
        interpolate_video(clip, tmp_path / "out.mp4", Failing(), segment=8)
    with pytest.raises(ValueError, match="another crf, model;"):
        interpolate_video(clip, tmp_path / "out.mp4", blend, segment=8, crf=30, resume=True)
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
    import av

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
