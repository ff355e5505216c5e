import json
import shlex
import shutil

import pandas as pd
import pytest
import torch
import yaml

from tests.helpers.browser import browser_or_skip, fits, on_a_phone, outside
from tests.helpers.configs import whole
from tests.helpers.pictures import texts
from tests.helpers.policies import aware
from vfi.checkpoints import load_network, save_network
from vfi.cli import main
from vfi.data.augment import Augment
from vfi.data.sources import TrainData, ValData
from vfi.jobs.sweep import sweep
from vfi.jobs.sweep.commands import command_of
from vfi.jobs.sweep.points import Laboratory
from vfi.pruning import (
    GlobalThreshold,
    PruningPlan,
    compact,
)
from vfi.stopping import Stopped

POINTS = ("dense", "naive-0.2-compact", "aware-0.2-compact", "naive-0.5-compact")
POINTS += ("aware-0.5-compact", "aware-0.5-masked")
PICTURES = ("quality_speed", "psnr_sparsity", "ssim_sparsity", "kept_channels")


SETTINGS = {
    "policies": {"naive": GlobalThreshold, "aware": aware},
    "levels": (0.0, 0.2, 0.5),
    "limit": 2,
    "height": 32,
    "width": 32,
    "repeats": 1,
}


@pytest.fixture(scope="module")
def finished(network, tmp_path_factory):
    """The folder of a finished sweep over two triplets of the sample, not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    sweep(network, output=str(folder), **SETTINGS)
    return folder


@pytest.fixture
def measured(monkeypatch):
    """Names of the points that were measured, not read."""
    names, measure = [], Laboratory.measure

    def spy(self, point, advance):
        names.append(point.name)
        return measure(self, point, advance)

    monkeypatch.setattr(Laboratory, "measure", spy)
    return names


def test_every_policy_and_level_has_a_row(finished):
    rows = pd.read_csv(finished / "sweep.csv")
    points = list(zip(rows["policy"], rows["level"], rows["variant"], strict=True))
    assert points == [
        ("dense", 0.0, "dense"),
        ("naive", 0.2, "compact"),
        ("aware", 0.2, "compact"),
        ("naive", 0.5, "compact"),
        ("aware", 0.5, "compact"),
        ("aware", 0.5, "masked"),
    ]
    assert (rows["triplets"] == 2).all()
    assert rows["ratio"].tolist() == pytest.approx(rows["level"].tolist(), abs=0.06)
    for picture in PICTURES:
        assert "naive" in " ".join(texts(finished / f"{picture}.svg"))


def test_pictures_are_drawn_again_from_the_figures(finished, tmp_path, caplog):
    for name in ("sweep.json", "sweep.csv"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(finished / name, folder)
        assert main(["draw", str(folder)]) == 0
        again = {path.name: path.read_text("utf-8") for path in folder.glob("*.svg")}
        assert len(again) == (4 if name == "sweep.json" else 3)
        if name == "sweep.json":
            assert again == {n: (finished / n).read_text("utf-8") for n in again}
    (tmp_path / "sweep.csv/sweep.csv").write_text("a,b\n1,2\n")
    assert main(["draw", str(tmp_path / "sweep.csv")]) == 2
    assert "does not hold the figures it should" in caplog.text
    assert main(["draw", str(tmp_path)]) == 2
    assert "nothing to draw" in caplog.text


def test_the_page_tells_of_every_point(finished):
    known = json.loads((finished / "sweep.json").read_text("utf-8"))["points"]
    assert outside((finished / "sweep.html").read_text("utf-8")) == []
    with browser_or_skip() as browser:
        tab, wrong = on_a_phone(browser)
        tab.goto((finished / "sweep.html").as_uri())
        assert tab.locator("[data-point]").count() == 2 * len(POINTS)
        for number, point in enumerate(known):
            tab.locator(f'[data-point="{number}"]').first.focus()
            assert tab.locator("#name").inner_text().startswith(point["series"])
            shown = tab.locator("#layers").inner_text()
            assert shown.count(": empty") == len(point["plan"]["emptied"])
            assert f"{point['plan']['widths']['block0.trunk']} of 4" in shown
            assert tab.locator(".point.on").count() == 2
        assert "times as fast" in tab.locator("#tip").inner_text()
        assert tab.locator("#command").inner_text().startswith("vfi plan --network")
        assert fits(tab)
        assert wrong == []


def test_its_command_makes_the_same_plan(network, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = json.loads((finished / "sweep.json").read_text("utf-8"))
    for point in figures["points"][1:3]:
        words = command_of(point, network, figures["conditions"])
        assert main(shlex.split(words)[1:]) == 0
        made = PruningPlan.from_json((tmp_path / "plan.json").read_text("utf-8"))
        assert made.widths == point["plan"]["widths"]
    assert command_of(figures["points"][0], network, figures["conditions"]) == ""


def test_drops_and_ratios_are_to_the_dense_network(finished):
    rows = pd.read_csv(finished / "sweep.csv").set_index(["policy", "level", "variant"])
    dense, half = rows.loc[("dense", 0.0, "dense")], rows.loc[("aware", 0.5, "compact")]
    assert dense["psnr_drop"] == dense["ssim_drop"] == 0
    assert dense["parameters_ratio"] == dense["flops_ratio"] == dense["speedup"] == 1
    assert half["psnr_drop"] == pytest.approx(dense["psnr"] - half["psnr"], abs=1e-9)
    assert half["psnr_drop_se"] >= 0
    assert half["parameters_ratio"] == pytest.approx(half["parameters"] / dense["parameters"])
    assert half["parameters_ratio"] < 0.6
    assert half["dense_median_ms"] > 0


def test_networks_trained_after_pruning_are_a_variant(network, tmp_path):
    settings = {**SETTINGS, "policies": {"aware": aware}, "levels": (0.5,), "limit": 1}
    template = str(tmp_path / "{policy}-{level}.safetensors")
    with pytest.raises(FileNotFoundError, match=r"aware-0\.5\.safetensors"):
        sweep(network, output=str(tmp_path / "runs"), finetuned=template, **settings)
    dense = load_network(network)
    save_network(dense, tmp_path / "aware-0.5.safetensors")
    with pytest.raises(ValueError, match="other widths than the plan of aware-0.5-finetuned"):
        sweep(network, output=str(tmp_path / "runs"), finetuned=template, **settings)
    pruned = compact(dense, aware(0.5)(dense))
    for parameter in pruned.parameters():
        torch.nn.init.zeros_(parameter)
    save_network(pruned, tmp_path / "aware-0.5.safetensors")
    sweep(network, output=str(tmp_path / "runs"), finetuned=template, **settings)
    rows = pd.read_csv(tmp_path / "runs/sweep.csv").set_index("variant")
    assert rows.loc["finetuned", "flops"] == rows.loc["compact", "flops"]
    assert rows.loc["finetuned", "psnr"] != rows.loc["compact", "psnr"]


def test_a_masked_network_scores_as_the_compact_one_and_saves_nothing(finished):
    rows = pd.read_csv(finished / "sweep.csv").set_index(["policy", "level", "variant"])
    masked, slim = rows.loc[("aware", 0.5, "masked")], rows.loc[("aware", 0.5, "compact")]
    assert masked["psnr"] == pytest.approx(slim["psnr"], abs=1e-3)
    assert masked["parameters_ratio"] == masked["flops_ratio"] == 1
    assert "no faster than dense" in json.loads((finished / "sweep.json").read_text())["note"]


def test_json_holds_every_triplet_and_the_circumstances(finished):
    data = json.loads((finished / "sweep.json").read_text())
    point = data["points"][2]
    assert point["policy"]["class"] == "ArchitectureAware"
    assert len(point["scores"]["psnr"]) == len(set(point["scores"]["id"])) == 2
    assert set(point["plan"]["widths"].values()) != {0}
    assert data["conditions"]["dataset"]["kind"] == "sample"
    assert data["environment"]["cpu"]["cores"] > 0


def test_a_stopped_sweep_keeps_its_points(network, tmp_path, monkeypatch, caplog):
    measure = Laboratory.measure

    def interrupted(self, point, advance):
        if point.name == POINTS[1]:
            raise KeyboardInterrupt
        return measure(self, point, advance)

    monkeypatch.setattr(Laboratory, "measure", interrupted)
    with pytest.raises(Stopped) as stop:
        sweep(network, output=str(tmp_path), **SETTINGS)
    assert "1 of 6 points are kept" in caplog.text
    assert (stop.value.status, stop.value.said) == (130, True)
    assert [path.name for path in (tmp_path / "points").iterdir()] == ["dense.json"]
    assert not (tmp_path / "sweep.csv").exists()


def test_a_sweep_goes_on_with_the_points_that_are_missing(network, finished, tmp_path, measured):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    (tmp_path / f"points/{POINTS[4]}.json").unlink()
    (tmp_path / f"points/{POINTS[1]}.json").write_text('{"fingerprint":')  # cut short
    sweep(network, output=str(tmp_path), **SETTINGS)
    assert measured == [POINTS[1], POINTS[4]]
    before, after = (pd.read_csv(folder / "sweep.csv") for folder in (finished, tmp_path))
    assert after["psnr"].equals(before["psnr"])


def test_repaired_networks_have_rows_and_lines_of_their_own(network, tmp_path):
    settings = SETTINGS | {"policies": {"aware": aware}, "levels": (0.5,), "repair": True}
    train = TrainData(batch_size=2, augment=Augment(crop=64))
    sweep(network, output=str(tmp_path), train=train, calibration=2, **settings)
    rows = pd.read_csv(tmp_path / "sweep.csv").set_index("variant")
    assert list(rows.index) == ["dense", "compact", "repaired", "masked"]
    assert rows.loc["repaired", "parameters"] == rows.loc["compact", "parameters"]
    assert rows.loc["repaired", "psnr"] != rows.loc["compact", "psnr"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"levels": (0.3, 1.0)}, r"ratio is 1.0; a sparsity must be at least 0 and below 1"),
        ({"levels": (-0.1,)}, r"ratio is -0.1; a sparsity must be"),
        ({"levels": (0.0,)}, "levels has no sparsity above 0"),
        ({"policies": {"../x": aware}}, r"a policy is named '../x'"),
        ({"policies": {"dense": aware}}, "a policy is named 'dense'"),
        ({"limit": 0}, "limit is 0"),
        ({"repeats": -1}, "repeats is -1"),
        ({"device": "abacus"}, "abacus"),
        ({"data": ValData("ucf101", "/nowhere")}, "/nowhere"),
    ],
)
def test_bad_settings(network, tmp_path, settings, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        sweep(network, output=str(tmp_path), **SETTINGS | settings)


def test_from_a_configuration(network, tmp_path):
    config = whole("sweep/ratios.yaml")
    config["policies"]["aware"]["init_args"] |= {"min_channels": 1, "multiple": 1}
    config |= {"network": network, "levels": [0.3], "height": 32, "width": 32, "repeats": 1}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(config))
    output = tmp_path / "run"
    assert main(["sweep", "-c", str(path), "--limit=1", f"--output={output}"]) == 0
    assert len(pd.read_csv(output / "sweep.csv")) == 4
