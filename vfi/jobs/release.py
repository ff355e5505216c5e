"""The job that turns a training into a model that `vfi.load_model` knows by its name."""

import copy
import logging
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from vfi import measure, reporting
from vfi.checkpoints import load_network, save_network
from vfi.data.images import TripletSet
from vfi.data.sources import ValData, open_source
from vfi.files import locked, sha256
from vfi.measure.means import mean_scores
from vfi.measure.protocol import score_set
from vfi.models import RIFE, Interpolator
from vfi.reporting import cards
from vfi.reporting.runs import read_run

logger = logging.getLogger(__name__)

HALF_COSTS = 0.005  # dB of PSNR in validation; what is more is not worth half the file
LICENCE = "MIT (that of the parent's weights, by the authors of RIFE, and of this project)"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def release(
    run: str,
    name: str,
    sets: dict[str, ValData] | None = None,
    parent: str = "rife_v4.0",
    height: int = 480,
    width: int = 640,
    repeats: int = 20,
    output: str = "checkpoints",
    overwrite: bool = False,
    allow_dirty: bool = False,
) -> None:
    """Turns the best checkpoint of a training into a released model with its card.

    Weights are stored in half precision where that costs less than 0.005 dB in validation. The card
    tells speed and quality beside the parent's, and how the model was made.

    Args:
        run: the run folder of ``fit``.
        name: what the model will be called.
        sets: sets to score besides the run's own validation set, which may be replaced by one that
            is named ``validation``.
        parent: the name or path of the dense network to compare with.
        height: of the frames whose speed is measured, in pixels.
        width: likewise.
        repeats: timed rounds, parent and model in turns.
        output: folder for the weights, models.json and README.md.
        overwrite: replace a released model of this name though it is no worse.
        allow_dirty: take a training whose record says that the project's files differed from its
            commit, so that nobody can run it again.

    Raises:
        FileNotFoundError: if the run or a set is missing.
        ValueError: if the name is not one, the released model of this name is no worse, or a
            training ran in a tree that was not clean.
    """
    measure.check_positive(height=height, width=width, repeats=repeats)
    if not _NAME.fullmatch(name) or Path(name).suffix in (".safetensors", ".ckpt", ".pkl"):
        raise ValueError(f"name is {name!r}; use small letters, digits, '-', '_' and '.'")
    record, checkpoint = _read(Path(run))
    history = _history(record, checkpoint)
    if not allow_dirty:
        _check_clean(history)
    with locked(output):
        folder = Path(output)
        networks = {"parent": load_network(parent), "model": load_network(checkpoint)}
        sources = {"validation": _validation(record), **(sets or {})}
        datasets = {label: open_source(data) for label, data in sources.items()}
        released = cards.read(folder)
        networks["model"], stored, quality = _stored(networks, datasets.pop("validation"))
        if name in released and not overwrite:
            _check_better(name, released[name]["quality"]["validation"], quality)
        others = {label: _compare(networks, dataset, label) for label, dataset in datasets.items()}
        made = [_stage(*stage) for stage in history]
        if name in released and made[0]["network"] == name:  # the same model, trained further
            earlier = released[name]["made"]
            made = earlier if earlier[-len(made) :] == made else [*earlier, *made]
        card = {
            "parent": _portable(parent),
            "licence": LICENCE,
            **asdict(measure.efficiency(networks["model"], height, width)),
            "speed": _speed(networks, height, width, repeats),
            "quality": {"validation": quality, **others},
            "made": made,
        }
        card |= _save(stored, folder / f"{name}.safetensors", card)
        cards.write({**released, name: card}, folder)
        _show(name, card)
        logger.info("wrote %s", folder)


def _save(network: RIFE, path: Path, card: cards.Card) -> dict[str, Any]:
    """Writes the weights and says what is in the file."""
    texts = {"parent": card["parent"], "licence": card["licence"]}
    save_network(network, path, name=path.stem, **texts, made=card["made"][-1]["command"])
    dtype = str(next(network.parameters()).dtype).removeprefix("torch.")
    return {"sha256": sha256(path), "bytes": path.stat().st_size, "dtype": dtype}


def _show(name: str, card: cards.Card) -> None:
    rows = [
        {
            "set": label,
            "triplets": q["triplets"],
            "psnr": q["psnr"],
            "parent psnr": q["parent"]["psnr"],
            "ssim": q["ssim"],
            "parent ssim": q["parent"]["ssim"],
        }
        for label, q in card["quality"].items()
    ]
    speedup = card["speed"]["speedup"]
    reporting.table(f"{name}: {speedup:.2f} times as fast as {card['parent']}", rows)


def _read(run: Path) -> tuple[dict[str, Any], Path]:
    """What a run put on record, and its best checkpoint."""
    record, checkpoint = run / reporting.RECORD, run / "checkpoints/best.ckpt"
    for path in (record, checkpoint):
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no {path}; give the run folder of a fit that has been validated"
            )
    return read_run(record), checkpoint


def _validation(record: Mapping[str, Any]) -> ValData:
    settings = record["validation"]
    return ValData(**settings | {"strides": tuple(settings["strides"])})


def _stored(networks: Mapping[str, RIFE], dataset: TripletSet) -> tuple[RIFE, RIFE, dict[str, Any]]:
    """The model as it will be loaded, as it is stored, and how good it is in validation."""
    full = _compare(networks, dataset, "validation")
    half = copy.deepcopy(networks["model"]).half()
    rounded = copy.deepcopy(half).float()
    quality = mean_scores(_scores(rounded, dataset, "half precision"))
    if abs(quality["psnr"] - full["psnr"]) < HALF_COSTS:
        return rounded, half, full | quality
    return networks["model"], networks["model"], full


def _compare(networks: Mapping[str, RIFE], dataset: TripletSet, label: str) -> dict[str, Any]:
    """The scores of model and parent on a set."""
    scores = {
        who: mean_scores(_scores(n, dataset, f"{label}, {who}")) for who, n in networks.items()
    }
    return {
        "dataset": dataset.identity(),
        "triplets": len(dataset),
        **scores["model"],
        "parent": scores["parent"],
    }


def _scores(network: RIFE, dataset: TripletSet, label: str) -> list[dict[str, Any]]:
    """PSNR and SSIM of each triplet, by the protocol of ``test``."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=len(dataset))
        return score_set(
            Interpolator(network).eval(),
            dataset,
            names=("psnr", "ssim"),
            each=lambda: progress.advance(task),
        )


def _speed(networks: Mapping[str, RIFE], height: int, width: int, repeats: int) -> dict[str, Any]:
    """How much faster than its parent the model is, measured in turns."""
    models = {who: Interpolator(network).eval() for who, network in networks.items()}
    conditions = measure.Conditions(height, width, channels_last=True)
    measured = measure.compare_latency(models, conditions, repeats=repeats, progress=True)
    machine = {"cpu": reporting.environment()["cpu"], "torch": str(torch.__version__)}
    parent_ms = measured["parent"].median_ms
    return {**asdict(measured["model"]), "parent_median_ms": parent_ms, "machine": machine}


def _history(record: dict[str, Any], checkpoint: Path) -> list[tuple[dict[str, Any], Path]]:
    """The trainings that led here, the first one first: each one's record and what it gave."""
    found = [(record, checkpoint)]
    seen = {checkpoint.resolve()}
    while True:
        start = Path(found[0][0]["network"])
        earlier = start.parent.parent / reporting.RECORD
        # a name of the registry has no folder: a record in the current one is not its
        if start.parent.name != "checkpoints" or not start.is_file() or not earlier.is_file():
            return found
        if start.resolve() in seen:
            raise ValueError(f"{earlier} is damaged: {start} would be made from itself")
        seen.add(start.resolve())
        found.insert(0, (read_run(earlier), start))


def _check_clean(history: Iterable[tuple[Mapping[str, Any], Path]]) -> None:
    for record, checkpoint in history:
        git = record["environment"].get("git") or {}  # None where there is no checkout
        if git.get("dirty"):
            raise ValueError(
                f"{checkpoint} was trained in a tree that differs from its commit "
                f"{str(git.get('commit'))[:12]}, so nobody can train it again: commit, and train "
                "anew, or --allow_dirty true"
            )


def _stage(record: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    """How one training went, without the places where things lay."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return {
        "command": shlex.join(_portable(record["command"])),
        "network": _portable(record["network"]),
        "steps": content["global_step"],
        "data": record["train"],
        "pruning": record["pruning"],
        "config": _portable(record["config"]),
        "environment": record["environment"],
    }


def _portable(value: Any) -> Any:
    """The same with the last part in place of each absolute path."""
    if isinstance(value, Mapping):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"(?<![\w.~-])/(?:[^\s/,=:]+/)*([^\s/,=:]+)", r"\1", value)
    return value


def _check_better(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    same = old["dataset"]["sha256"] == new["dataset"]["sha256"]
    if same and old["psnr"] >= new["psnr"]:
        raise ValueError(
            f"the released {name} has {old['psnr']:.3f} dB in validation and this one "
            f"{new['psnr']:.3f}; give another name, or --overwrite true"
        )
