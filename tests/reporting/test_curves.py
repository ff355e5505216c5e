"""Pictures are drawn, whole, and from the right rows."""

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb

from tests.helpers.pictures import texts
from vfi.reporting import curves, sheets
from vfi.reporting.style import VERMILLION, apart, styles


def triplet(label: str, height: int = 24, width: int = 32, **changes) -> sheets.Triplet:
    gt = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    values = {
        "label": label,
        "id": f"{label}-1",
        "img0": (gt * 255).byte(),
        "img1": (gt * 255).byte(),
        "gt": gt,
        "prediction": gt.flip(2),
        "psnr": 12.345,
        "ssim": 0.5,
    }
    return sheets.Triplet(**values | changes)


def sweep() -> pd.DataFrame:
    rows = [
        {"policy": policy, "sparsity": s, "speed": 1 + s, "psnr": 35 - loss * s, "note": f"{s:.0%}"}
        for policy, loss in (("naive", 9.0), ("aware", 4.0))
        for s in (0.0, 0.3, 0.5)
    ]
    return pd.DataFrame([*rows, {"policy": "aware", "sparsity": 0.7, "speed": 1.7}])


def check_picture(path, minimum_width: int = 500) -> np.ndarray:
    """The PNG's pixels; it must hold a picture and be alone in its folder."""
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[1] >= minimum_width
    assert pixels.std() > 0.02
    return pixels


@pytest.mark.parametrize("count", [1, 3])
def test_triplet_sheet(tmp_path, count: int):
    rows = [triplet("best", prediction=triplet("").gt), triplet("median"), triplet("worst")]
    path = tmp_path / "sheet.png"
    sheets.triplet_sheet(rows[-count:], path, title="Sample")
    check_picture(path, 1500)
    sheets.triplet_sheet([triplet("wide", 20, 70)], path)
    check_picture(path, 1500)


def test_triplet_sheet_of_nothing_or_of_batches_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no triplets"):
        sheets.triplet_sheet([], tmp_path / "sheet.png")
    with pytest.raises(ValueError, match=r"\(3, H, W\), got \(1, 3, 8, 8\)"):
        sheets.triplet_sheet([triplet("x", gt=torch.rand(1, 3, 8, 8))], tmp_path / "sheet.png")
    assert list(tmp_path.iterdir()) == []


def test_best_median_worst_of_many_and_of_few():
    choose = sheets.best_median_worst
    assert choose([3.0, 5.0, 1.0, 4.0, 2.0]) == {"best": 1, "median": 0, "worst": 2}
    assert choose([2.0, 1.0, 3.0]) == {"best": 2, "median": 0, "worst": 1}
    assert choose([1.0, 2.0]) == {"best": 1, "worst": 0}
    assert choose([1.0]) == {"worst": 0}
    assert sorted(choose([1.0, 1.0, 1.0]).values()) == [0, 1, 2]
    with pytest.raises(ValueError, match="no scores"):
        choose([])


def test_pareto_front_keeps_what_nothing_beats():
    speed = [1.0, 1.5, 1.5, 2.0, 2.0, 0.9]
    quality = [35.0, 34.0, 33.0, 32.0, 32.0, 34.9]
    expected = [True, True, False, True, True, False]
    assert curves.pareto_front(speed, quality).tolist() == expected


def test_pareto_plot(tmp_path):
    path = tmp_path / "pareto.png"
    curves.pareto_plot(sweep(), "speed", "psnr", "policy", path, label="note", title="t")
    with_labels = check_picture(path)
    curves.pareto_plot(sweep(), "speed", "psnr", "policy", path)
    assert not np.array_equal(check_picture(path), with_labels)


def test_lines_plot_is_of_the_data_in_order_of_x(tmp_path):
    path = tmp_path / "lines.png"
    data = sweep()
    curves.lines_plot(data, "sparsity", "psnr", "policy", path, reference=35, title="t")
    first = check_picture(path)
    shuffled = pd.concat([g.iloc[::-1] for _, g in data.groupby("policy", sort=False)])
    curves.lines_plot(shuffled, "sparsity", "psnr", "policy", path, reference=35, title="t")
    assert np.array_equal(check_picture(path), first)


def test_one_look_on_light_and_dark_grounds(tmp_path):
    path = tmp_path / "lines.svg"
    data = sweep().replace({"policy": {"naive": "rife-fast", "aware": "rife-tiny@openvino/int8"}})
    for draw in (curves.lines_plot, curves.pareto_plot):
        draw(data, "speed", "psnr", "policy", path)
        text = path.read_text("utf-8")
        assert {"rife-fast", "rife-tiny@openvino/int8", "PSNR, dB"} <= set(texts(path))
        for name in ("rife-fast", "rife-tiny"):
            look = styles([name])[name]
            twin = f'fill: {look.light.lower()}"]{{fill:{look.dark.lower()} !important}}'
            assert text.count(look.light.lower()) > 2
            assert twin in text
        draw(data, "speed", "psnr", "policy", path)
        assert path.read_text("utf-8") == text, "the same data give the same file"
    with pytest.raises(ValueError, match=r"x\.gif: a picture's name ends in \.svg or \.png"):
        curves.lines_plot(data, "speed", "psnr", "policy", tmp_path / "x.gif")
    assert list(tmp_path.iterdir()) == [path]


def test_names_stay_apart_and_near():
    wanted = [0.5, 0.5, 0.52, 0.1]
    places = apart(wanted, 0.1, 0, 1)
    assert np.diff(sorted(places)).min() >= 0.1 - 1e-9
    assert places[3] == 0.1
    assert max(apart([1, 1, 1], 0.1, 0, 1)) == pytest.approx(1)


@pytest.mark.parametrize("draw", [curves.pareto_plot, curves.lines_plot])
def test_plots_name_missing_columns_and_rows(draw, tmp_path):
    with pytest.raises(ValueError, match=r"no column \['fps'\] to plot; there are \['policy'"):
        draw(sweep(), "fps", "psnr", "policy", tmp_path / "x.png")
    with pytest.raises(ValueError, match="no rows with both speed and psnr"):
        draw(sweep().assign(psnr=np.nan), "speed", "psnr", "policy", tmp_path / "x.png")


def test_kept_channels_plot_marks_emptied_layers_orange(tmp_path):
    path = tmp_path / "kept.png"
    kept = {"naive": {"a": 1.0, "b": 0.0, "c": 0.3}, "aware": {"a": 0.7, "c": 0.7, "d": 0.7}}

    def marked() -> int:
        pixels = check_picture(path)[..., :3]
        return int((np.abs(pixels - to_rgb(VERMILLION[0])).max(-1) < 0.05).sum())

    curves.kept_channels_plot(kept, path, title="kept")
    emptied = marked()
    curves.kept_channels_plot({**kept, "naive": {"a": 1.0, "b": 0.1, "c": 0.3}}, path)
    assert emptied > marked() + 1000


def test_kept_channels_plot_rejects_what_is_no_fraction(tmp_path):
    with pytest.raises(ValueError, match=r"in \[0, 1\], got 0.5 to 12"):
        curves.kept_channels_plot({"p": {"a": 12, "b": 0.5}}, tmp_path / "x.png")
    with pytest.raises(ValueError, match="at least one policy and layer"):
        curves.kept_channels_plot({"p": {}}, tmp_path / "x.png")
