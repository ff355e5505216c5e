"""From a training to a model with a name and a card."""

import json
from pathlib import Path

import pytest
import torch
import yaml

import vfi
from tests.helpers.configs import whole
from tests.helpers.paths import ROOT
from tests.helpers.small_networks import fill, shallow_spec
from vfi import measure
from vfi.checkpoints import load_network, registry, save_network
from vfi.cli import main
from vfi.jobs import release, reproduce
from vfi.models import RIFE
from vfi.reporting import cards

SHORT = ("--height", "64", "--width", "64", "--repeats", "1")


@pytest.fixture(scope="module")
def dense(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "dense.safetensors"
    save_network(fill(RIFE(shallow_spec()), gain=1.0), path)
    return path


def fit(folder: Path, network: Path, ratio: float = 0.5) -> Path:
    """Runs the recipe on the sample for four steps; gives the run folder."""
    config = whole("fit/prune.yaml")
    config["model"]["init_args"] |= {"network": str(network), "dense": None}
    config["model"]["init_args"]["objective"] = {"laplacian": 1.0}
    config["data"] = {"num_workers": 0, "train": {"steps": 2, "batch_size": 2}}
    config["data"]["train"]["augment"] = {"crop": 64}
    *others, bar, pruning = config["trainer"]["callbacks"]
    assert "RichProgressBar" in bar["class_path"]
    (report,) = (c for c in others if c["class_path"].endswith("TrainingReport"))
    report["init_args"] = {"pictures": False}  # they would take more time than all the rest
    policy = {"ratio": ratio, "min_channels": 1, "multiple": 1, "scope": "layer"}
    policy["importance"] = {"class_path": "vfi.pruning.L1"}
    pruning["init_args"]["policy"]["init_args"] = policy
    config["trainer"] |= {"default_root_dir": str(folder), "max_epochs": 2, "limit_val_batches": 2}
    config["trainer"] |= {"callbacks": [*others, pruning], "enable_progress_bar": False}
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config | {"seed_everything": 1}))
    assert main(["fit", "-c", str(path)]) == 0
    mark(folder, dirty=False)
    return folder


def mark(folder: Path, dirty: bool) -> None:
    """Makes the record of a run one of a clean tree, or of another."""
    record = json.loads((folder / "run.json").read_text())
    record["environment"]["git"] = {"commit": "0123456789abcdef", "dirty": dirty}
    (folder / "run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def run(dense, tmp_path_factory) -> Path:
    return fit(tmp_path_factory.mktemp("runs") / "run", dense)


@pytest.fixture(autouse=True)
def few_triplets(monkeypatch):
    """Scores two triplets of each set."""
    everything = release._scores

    def scores(network, dataset, label):
        return everything(network, torch.utils.data.Subset(dataset, range(2)), label)

    monkeypatch.setattr(release, "_scores", scores)


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """The folder of released models, while a test lasts."""
    monkeypatch.setattr(registry, "_SHIPPED", tmp_path)
    return tmp_path


def test_a_training_becomes_a_model_with_a_name(run, dense, shelf):
    command = ["release", "--run", str(run), "--name", "rife-small", "--parent", str(dense)]
    command += ["--sets.again", '{"source": "sample"}', "--output", str(shelf), *SHORT]
    assert main(command) == 0
    model = vfi.load_model("rife-small")
    best = load_network(run / "checkpoints/best.ckpt")
    assert model.network.spec == best.spec
    for mine, exact in zip(model.parameters(), best.parameters(), strict=True):
        assert mine.equal(exact.half().float())
    card = json.loads((shelf / cards.CARDS).read_text())["rife-small"]
    assert card["dtype"] == "float16"
    assert card["parameters"] == sum(p.numel() for p in best.parameters())
    assert set(card["quality"]) == {"validation", "again"}
    assert card["quality"]["validation"]["psnr"] == card["quality"]["again"]["psnr"]
    assert card["quality"]["again"]["parent"]["psnr"] != card["quality"]["again"]["psnr"]
    assert card["speed"]["speedup"] > 0
    stage = card["made"][0]
    assert stage["steps"] in (2, 4)
    assert stage["pruning"]["ratio"] == pytest.approx(0.5, abs=0.1)
    assert str(run.parent) not in json.dumps(card)  # a clone has other folders
    readme = (shelf / cards.README).read_text()
    assert "| `rife-small` |" in readme
    assert stage["command"] in readme


def test_pruning_in_steps_is_told_step_by_step(run, dense, shelf):
    further = fit(run.parent / "further", run / "checkpoints/best.ckpt", ratio=0.15)
    first, second = (load_network(f / "checkpoints/best.ckpt") for f in (run, further))
    assert measure.parameters(second) < measure.parameters(first)
    release.release(str(further), "two-steps", None, str(dense), 64, 64, 1, str(shelf))
    made = cards.read(shelf)["two-steps"]["made"]
    assert [stage["network"] for stage in made] == ["dense.safetensors", "best.ckpt"]


def test_training_a_released_model_further_is_told_with_what_came_before(run, dense, shelf):
    settings = {"parent": str(dense), "height": 64, "width": 64, "repeats": 1, "output": str(shelf)}
    release.release(str(run), "rife-small", **settings)
    further = fit(run.parent / "released_further", Path("rife-small"), ratio=0.15)
    for _ in range(2):  # the second time nothing is new
        release.release(str(further), "rife-small", overwrite=True, **settings)
    made = cards.read(shelf)["rife-small"]["made"]
    assert [stage["network"] for stage in made] == ["dense.safetensors", "rife-small"]


def test_a_released_model_is_reproduced_with_its_parent(run, dense, shelf, monkeypatch):
    """By the same digits, on the same machine."""
    settings = {"parent": str(dense), "height": 64, "width": 64, "repeats": 1, "output": str(shelf)}
    release.release(str(run), "rife-small", **settings)
    further = fit(shelf / "further", run / "checkpoints/best.ckpt", ratio=0.15)
    release.release(str(further), "rife-smaller", **settings)
    known = cards.read(shelf)
    known["rife-small"]["made"][0]["network"] = str(dense)  # cards leave out where it lies
    known["rife-smaller"]["made"] = known["rife-smaller"]["made"][1:]
    known["rife-smaller"]["made"][0]["network"] = "rife-small"
    cards.write(known, shelf)
    command = ["reproduce", "--name", "rife-smaller", "--models", str(shelf)]
    for _ in range(2):  # the second time all is there already
        assert main([*command, "--output", str(shelf / "again")]) == 0
        for folder, first in (("rife-small/1", run), ("rife-smaller/1", further)):
            mine = load_network(shelf / "again" / folder / "checkpoints/best.ckpt")
            theirs = load_network(first / "checkpoints/best.ckpt")
            assert mine.spec == theirs.spec
            assert all(map(torch.equal, mine.parameters(), theirs.parameters()))


def test_what_cannot_be_reproduced_is_told(shelf):
    with pytest.raises(ValueError, match="no model 'nothing' in .* those with a card are"):
        reproduce.reproduce("nothing", models=str(shelf))
    with pytest.raises(ValueError, match="made from video clips; give their folder by --root"):
        reproduce.reproduce("rife-fast", models=str(ROOT / "checkpoints"), output=str(shelf))
    (shelf / cards.CARDS).write_text('{"rife-fast": {"ma')
    with pytest.raises(ValueError, match=r"models\.json is damaged"):
        reproduce.reproduce("rife-fast", models=str(shelf))


SHIPPED = cards.read(ROOT / "checkpoints")
STAGES = [(name, number) for name, card in SHIPPED.items() for number in range(len(card["made"]))]


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_the_recipes_of_the_shipped_models_can_be_read(name, number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    stage = SHIPPED[name]["made"][number]
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            reproduce._settings(stage, "rife_v4.0", reproduce.Data("clips", "photos"), tmp_path)
        )
    )
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(path), "--print_config"])
    assert not stop.value.code, capsys.readouterr().err


def test_a_recipe_that_was_stopped_ends_where_it_was():
    stage = SHIPPED["rife-nano"]["made"][-1]
    config = reproduce._settings(stage, "rife-nano", reproduce.Data("clips", "photos"), Path("out"))
    planned = config["trainer"]["max_epochs"] * config["data"]["train"]["steps"]
    assert config["trainer"]["max_steps"] == stage["steps"] < planned
    assert config["model"]["init_args"]["optimizer"]["steps"] == planned


def test_only_what_is_better_replaces_a_released_model(run, dense, shelf):
    settings = {"parent": str(dense), "height": 64, "width": 64, "repeats": 1, "output": str(shelf)}
    release.release(str(run), "rife-small", **settings)
    with pytest.raises(ValueError, match=r"rife-small has .* dB .* --overwrite"):
        release.release(str(run), "rife-small", **settings)
    before, text = cards.read(shelf), (shelf / cards.README).read_text()
    (shelf / cards.README).write_text(f"Mine.\n{text}\nMine, too.\n")
    release.release(str(run), "rife-small", overwrite=True, **settings)
    assert cards.read(shelf)["rife-small"]["quality"] == before["rife-small"]["quality"]
    text = (shelf / cards.README).read_text()
    assert text.startswith("Mine.\n")
    assert text.endswith("\nMine, too.\n")
    assert text.count("| `rife-small` |") == 1


def test_a_training_in_a_dirty_tree_is_refused_unless_it_is_said(run, dense, shelf):
    settings = {"parent": str(dense), "height": 64, "width": 64, "repeats": 1, "output": str(shelf)}
    mark(run, dirty=True)
    try:
        with pytest.raises(ValueError, match="differs from its commit 0123456789ab, .*allow_dirty"):
            release.release(str(run), "rife-small", **settings)
        assert not (shelf / "rife-small.safetensors").exists()
        release.release(str(run), "rife-small", allow_dirty=True, **settings)
    finally:
        mark(run, dirty=False)
    (stage,) = cards.read(shelf)["rife-small"]["made"]
    assert stage["environment"]["git"]["dirty"] is True


def test_weights_and_card_of_different_releases_are_told(run, dense, shelf):
    settings = {"parent": str(dense), "height": 64, "width": 64, "repeats": 1, "output": str(shelf)}
    release.release(str(run), "rife-small", **settings)
    save_network(load_network(dense), shelf / "rife-small.safetensors")  # and killed
    with pytest.raises(ValueError, match=r"rife-small.* is not the file .* before its card"):
        vfi.load_model("rife-small")
    release.release(str(run), "rife-small", overwrite=True, **settings)
    vfi.load_model("rife-small")


def test_weights_that_half_precision_would_harm_stay_whole(run, dense, shelf, monkeypatch):
    monkeypatch.setattr(release, "HALF_COSTS", 0.0)
    release.release(str(run), "rife-whole", None, str(dense), 64, 64, 1, str(shelf))
    assert cards.read(shelf)["rife-whole"]["dtype"] == "float32"
    best = load_network(run / "checkpoints/best.ckpt")
    mine = load_network(shelf / "rife-whole.safetensors")
    assert all(a.equal(b) for a, b in zip(mine.parameters(), best.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "message"), [("../x", "name is '../x'"), ("x", "there is no .*run.json")]
)
def test_what_cannot_be_released_is_told(name, message, shelf):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        release.release(str(shelf / "nothing"), name, output=str(shelf))


def test_places_are_left_out_of_cards():
    told = release._portable(
        {"a": ["--root=/home/me/clips", "/data/x.ckpt", "runs/a/best.ckpt", "3/4"], "b": 0.5}
    )
    assert told == {"a": ["--root=clips", "x.ckpt", "runs/a/best.ckpt", "3/4"], "b": 0.5}
