"""Models measured and shown on a user's own video."""

import json
from fractions import Fraction

import cv2
import numpy as np
import pandas as pd
import pytest

from vfi.jobs.compare_video import compare_video
from vfi.jobs.evaluate_video import AVERAGE, evaluate_video
from vfi.jobs.interpolate import interpolate


@pytest.fixture
def models(monkeypatch, blend):
    """`blend` is a perfect linear model, `copy` repeats the first frame."""

    class Copy(type(blend)):
        def forward(self, img0, img1, timestep=0.5, flow_scale=1.0):
            return img0

    known = {"blend": blend, "copy": Copy()}
    for module in ("triples", "job"):
        monkeypatch.setattr(
            f"vfi.video.{module}.resolve_model", lambda name, *_: (known[name], name)
        )
    return known


@pytest.fixture
def fade(tmp_path):
    """Nine images that brighten evenly, so that the average is right; a cut after the fifth."""
    folder = tmp_path / "fade"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(9):
        if number in (0, 5):
            scene = cv2.resize(rng.integers(0, 160, (4, 5, 3)).astype(np.uint8), (48, 32))
        cv2.imwrite(str(folder / f"{number}.png"), scene + np.uint8(20 * (number % 5)))
    return folder


def test_every_second_frame_is_measured(models, fade, tmp_path, capsys):
    rows = pd.DataFrame(evaluate_video(str(fade), str(tmp_path / "report"), ["blend", "copy"]))
    assert sorted(rows["frame"].unique()) == [1, 3, 7]
    assert list(rows["model"][:3]) == [AVERAGE, "blend", "copy"]
    blend, copy = (rows[rows["model"] == name] for name in ("blend", "copy"))
    assert (blend["psnr"] == 100).all()
    assert np.allclose(copy["psnr"], 10 * np.log10((255 / 20) ** 2), atol=1e-3)
    assert (copy["ssim"] < 1).all()
    assert pd.read_csv(tmp_path / "report" / "per_frame.csv").shape == rows.shape
    report = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert (report["frames"], report["skipped_at_cuts"]) == (3, 1)
    assert [m["model"] for m in report["models"]] == [AVERAGE, "blend", "copy"]
    assert report["models"][1]["psnr"] == 100
    assert "3 frames made anew" in capsys.readouterr().out


def test_limit_and_flag(models, fade, tmp_path):
    interpolate(str(fade), str(tmp_path / "report"), ["copy", "blend"], evaluate=True)
    report = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert [m["model"] for m in report["models"]] == [AVERAGE, "copy", "blend"]
    rows = evaluate_video(str(fade), str(tmp_path / "short"), ["copy"], limit=1)
    assert len({row["frame"] for row in rows}) == 1


def test_uneven_times_are_asked_for(models, make_clip, tmp_path):
    clip = make_clip(times=[0, 30, 40, 80, 100], tick=Fraction(1, 1000))
    asked: list[float] = []

    def forward(img0, img1, timestep, flow_scale):
        asked.append(float(timestep))
        return img0

    models["blend"].forward = forward
    evaluate_video(str(clip), str(tmp_path / "report"), ["blend"])
    assert np.allclose(asked, [0.75, 40 / 60])


@pytest.mark.parametrize("models_given", [[], ["blend", "copy"]])
def test_several_models_need_evaluate(models, make_clip, tmp_path, models_given):
    with pytest.raises(ValueError, match=f"{len(models_given)} models were given"):
        interpolate(str(make_clip(frames=3)), str(tmp_path / "out.mp4"), models_given)


def test_too_short_to_measure(models, make_clip, tmp_path):
    with pytest.raises(ValueError, match="no three frames in a row"):
        evaluate_video(str(make_clip(frames=2)), str(tmp_path / "report"), ["blend"])


def test_strip(models, make_clip, tmp_path):
    clip = make_clip(frames=11, cut_at=6)
    compare_video(
        str(clip), str(tmp_path / "strip.png"), ["blend", "copy"], frames=2, tile_width=80
    )
    image = cv2.imread(str(tmp_path / "strip.png"))
    assert image.shape[1] == 3 * 80 + 2 * 4
    assert image.shape[0] == 2 * (28 + round(64 * 80 / 96) // 2 * 2 + round(64 * 80 / 96) % 2 * 2)
    assert image[:28].max() > 200  # labels
    assert not list(tmp_path.glob(".strip*"))


@pytest.mark.parametrize("out", ["show.mp4", "show.gif"])
def test_animation(models, make_clip, tmp_path, probe, out):
    clip = make_clip(frames=11)
    compare_video(str(clip), str(tmp_path / out), ["blend", "copy"], tile_width=96)
    found = probe(tmp_path / out)
    assert found.frames == 10
    assert abs(found.rate - 12) <= 0.5  # GIF counts hundredths of a second
    assert (found.width, found.height) == (3 * 96 + 2 * 4, 64 + 28)
    kept = found.images[0][28:].astype(int)
    assert np.abs(kept[:, :96] - kept[:, 100:196]).mean() < 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", out]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 0}, "frames is 0"),
        ({"tile_width": 4}, "tile_width is 4"),
        ({"models": []}, "models is empty"),
    ],
)
def test_comparison_settings(models, make_clip, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        compare_video(
            str(make_clip(frames=3)), str(tmp_path / "a.png"), **{"models": ["blend"], **settings}
        )
