"""The command as users type it."""

import json
from pathlib import Path

import pytest

from vfi.cli import main


@pytest.fixture
def blending(monkeypatch, blend):
    for module in ("job", "triples"):
        monkeypatch.setattr(f"vfi.video.{module}.resolve_model", lambda name, *_: (blend, name))
    return blend


def test_interpolate(blending, make_clip, probe, tmp_path):
    clip, out = str(make_clip(sound="aac")), str(tmp_path / "out.mp4")
    assert main(["interpolate", "--input", clip, "--output", out, "--multiplier", "4"]) == 0
    assert probe(tmp_path / "out.mp4").frames == 48
    again = ["interpolate", "--input", clip, "--output", out, "--slow-motion", "4", "--resume"]
    assert main([*again, "--crf=30"]) == 0
    found = probe(tmp_path / "out.mp4")
    assert (found.frames, found.rate, found.audio) == (48, 24, "aac")
    assert json.loads((tmp_path / "out.mp4.json").read_text())["frames_out"] == 48


def test_fps_and_evaluate(blending, make_clip, probe, tmp_path):
    clip, out = str(make_clip()), str(tmp_path / "out.mp4")
    assert main(["interpolate", "--input", clip, "--output", out, "--fps", "60000/1001"]) == 0
    assert probe(tmp_path / "out.mp4").rate.denominator == 1001
    report = str(tmp_path / "report")
    assert main(["interpolate", "--evaluate", "--input", clip, "--output", report]) == 0
    models = ["--models", "[rife_v4.0, other]"]
    assert main(["evaluate_video", "--input", clip, "--output", report, *models]) == 0
    assert main(["compare_video", "--input", clip, "--output", f"{report}/a.png", *models]) == 0
    figures = json.loads((tmp_path / "report" / "evaluation.json").read_text())["models"]
    assert [figure["model"] for figure in figures][1:] == ["rife_v4.0", "other"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fps", "60", "--multiplier", "2"], "were both given"),
        (["--codec", "h266"], "unknown codec 'h266'"),
        (["--slow_motion", "0"], "slow_motion is"),
    ],
)
def test_errors_take_one_line(blending, make_clip, tmp_path, caplog, options, message):
    out = str(tmp_path / "out.mp4")
    assert (
        main(["interpolate", "--input", str(make_clip(frames=3)), "--output", out, *options]) == 2
    )
    assert message in caplog.text


def test_several_inputs_go_into_a_folder(blending, make_clip, probe, tmp_path, caplog):
    caplog.set_level("INFO")
    clips = [str(make_clip(f"{name}.mkv", frames=4)) for name in "ab"]
    bad = tmp_path / "bad.mkv"
    bad.write_text("no video")
    out = tmp_path / "out"
    command = ["interpolate", clips[0], str(bad), clips[1], "-o", str(out)]
    with pytest.raises(SystemExit, match="1"):
        main(command)
    assert "2 of 3 inputs done" in caplog.text
    assert sorted(path.name for path in out.iterdir() if path.suffix == ".mkv") == [
        "a_2x.mkv",
        "b_2x.mkv",
    ]
    assert probe(out / "b_2x.mkv").frames == 8
    assert main(["interpolate", *clips, clips[0], "-o", str(out)]) != 0
    assert main(["interpolate", *clips, clips[1], "-o", "one.mp4"]) != 0


def test_a_folder_of_videos(blending, make_clip, tmp_path, caplog):
    """All of them, in natural order, whatever else lies there; one that fails stops no other."""
    (tmp_path / "in/deeper.mp4").mkdir(parents=True)
    for name in ("in/c10.mp4", "in/c2.ts", "in/a.mkv"):
        make_clip(name, frames=3)
    for name in ("b.mp4", "._a.mkv", "notes.txt"):
        (tmp_path / "in" / name).write_bytes(b"no video")
    words = ["interpolate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="1"):
        main(words)
    assert f"1 of 4 inputs failed: {tmp_path / 'in/b.mp4'}" in caplog.text
    made = {path.name for path in (tmp_path / "out").iterdir()}
    names = ("a_2x.mkv", "c2_2x.mp4", "c10_2x.mp4")
    assert made == {*names, *(f"{name}.json" for name in names)}
    make_clip("in/c2.mp4", frames=3)  # both would become c2_2x.mp4
    assert main(words) == 2
    assert "c2_2x.mp4; do them apart" in caplog.text


def test_what_is_told_has_the_figures_of_the_record(blending, make_clip, tmp_path, capsys):
    clip, out = make_clip("a[red].mp4", frames=14, cut_at=7, sound="aac"), tmp_path / "out.mkv"
    assert main(["interpolate", str(clip), "-o", str(out)]) == 0
    told = capsys.readouterr().out
    rows = dict(line.strip("│\n ").split("│", 1) for line in told.splitlines() if "│" in line)
    rows = {name.strip(): text.strip() for name, text in rows.items()}
    record = json.loads(Path(f"{out}.json").read_text())
    assert rows["input"] == f"{clip}: h264 96x64, 14 frames, 24 fps, {14 / 24:.2f} s"
    assert f"{record['frames_out']} frames, 48 fps" in rows["output"]
    assert rows["new frames"] == f"{record['generated']} by rife-fast on cpu"
    assert rows["cuts"] == f"1, not blended: {record['cuts'][0]['time']:.2f} s"
    assert rows["time"] == f"{record['seconds']:.1f} s"
    assert rows["record"] == f"{out}.json"
    assert "\x1b" not in told


def test_scripts_get_the_record_on_standard_output(blending, make_clip, tmp_path, capsys):
    clip, out = str(make_clip(frames=4)), str(tmp_path / "out.mp4")
    assert main(["interpolate", clip, "-o", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(Path(f"{out}.json").read_text())
    bad = tmp_path / "bad.mkv"
    bad.write_text("no video")
    with pytest.raises(SystemExit, match="1"):
        main(["interpolate", clip, str(bad), "-o", str(tmp_path / "all"), "--json"])
    done, failed = json.loads(capsys.readouterr().out)
    assert done["frames_out"] == 8
    assert (failed["input"], "as a video" in failed["error"]) == (str(bad), True)
    assert main(["interpolate", clip, "-o", "folder", "--json", "--evaluate"]) == 2


def test_quiet_is_quiet(blending, make_clip, tmp_path, capfd):
    clip, out = str(make_clip(frames=4)), str(tmp_path / "out.mp4")
    assert main(["interpolate", clip, "-o", out, "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
