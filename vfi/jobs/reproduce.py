"""The job that trains a released model anew, from the dense weights on, as its card says."""

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vfi import shipped
from vfi.data.sources import TrainData, ValData
from vfi.data.split import with_default_split
from vfi.data.video import VideoTriplets
from vfi.files import atomic_path, writable_folder
from vfi.reporting import cards

logger = logging.getLogger(__name__)

MOVED = {
    "vfi.module.RIFEModule": "vfi.training.module.RIFEModule",
    "vfi.module.BaselineModule": "vfi.training.module.BaselineModule",
    "vfi.evaluation.EvaluationReport": "vfi.training.evaluation.EvaluationReport",
    "vfi.predictions.FrameWriter": "vfi.training.predictions.FrameWriter",
    "vfi.pruning.callback.ChannelPruning": "vfi.training.pruning.ChannelPruning",
}
"""Class paths in recorded configurations of earlier releases, and where the classes are now."""


@dataclass(frozen=True)
class Data:
    """Where the data of trainings lie here: the folder of clips, and that of photographs."""

    root: str | None = None
    photos: str | None = None


def reproduce(
    name: str,
    root: str | None = None,
    photos: str | None = None,
    models: str | None = None,
    output: str = "runs/reproduced",
) -> None:
    """Trains a released model anew, with the settings of every training that led to it.

    A model that was made from another released one starts with that one's trainings. Each goes to
    a folder of its own; stopped at any time, the same command goes on where it was. It is the
    recipe that is repeated, each training to the step whose weights were kept: another machine, or
    another order of the trainings that several models share, gives other digits.

    Args:
        name: of the released model.
        root: the folder of clips to train and validate on; None where it was made from the sample.
        photos: the folder of photographs that motion is rendered from; None where there was none.
        models: the folder of released models, with their cards; those that come with the package
            if not given.
        output: gets ``<model>/<number>``, the run folder of each training.

    Raises:
        FileNotFoundError: if there are no such clips.
        ValueError: if no model of this name has a card, or it needs clips and none are given.
    """
    shelf = Path(models) if models else shipped.folder("checkpoints")
    known = cards.read(shelf)
    if name not in known:
        raise ValueError(f"no model {name!r} in {shelf}; those with a card are {sorted(known)}")
    best = _train(name, Data(root, photos), known, writable_folder(output))
    logger.info("%s is trained anew: %s", name, best)


def _train(name: str, data: Data, known: Mapping[str, cards.Card], output: Path) -> Path:
    """Runs all trainings of a model, those of its parent first; gives the best checkpoint."""
    stages = known[name]["made"]
    network = stages[0]["network"]
    if network in known:
        network = str(_train(network, data, known, output))
    for number, stage in enumerate(stages, start=1):
        folder = output / name / str(number)
        logger.info("%s, training %d of %d: %s", name, number, len(stages), stage["command"])
        _fit(_settings(stage, network, data, folder), stage["data"], folder)
        network = str(folder / "checkpoints/best.ckpt")
    return Path(network)


def _settings(stage: cards.Card, network: str, data: Data, folder: Path) -> dict[str, Any]:
    """The stage's configuration, for this place."""
    config = _with_present_names(copy.deepcopy(stage["config"]))
    config["model"]["init_args"]["network"] = network
    config["trainer"]["default_root_dir"] = str(folder)
    config["ckpt_path"] = "last"
    _end_as_it_did(config, stage["steps"])
    for part in ("train", "val"):
        settings = config["data"][part]
        if settings["source"] in ("video", "mixed"):
            if data.root is None:
                raise ValueError("the model was made from video clips; give their folder by --root")
            settings["root"] = data.root
        if settings.get("photos"):
            if data.photos is None:
                raise ValueError(
                    "the model was made from photographs, too; give their folder by --photos"
                )
            settings["photos"] = data.photos
    return config


def _end_as_it_did(config: dict[str, Any], steps: int) -> None:
    """Ends at the step of the weights that were kept; the rate falls as it was planned to."""
    trainer, train = config["trainer"], config["data"]["train"]
    if not trainer.get("max_epochs") or not train.get("steps"):
        return
    planned = trainer["max_epochs"] * train["steps"] // trainer.get("accumulate_grad_batches", 1)
    if steps < planned:
        optimizer = config["model"]["init_args"]["optimizer"]
        optimizer["steps"] = optimizer.get("steps") or planned
        trainer["max_steps"] = steps


def _with_present_names(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_present_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_present_names(item) for item in value]
    return MOVED.get(value, value) if isinstance(value, str) else value


def _fit(config: Mapping[str, Any], data: Mapping[str, Any], folder: Path) -> None:
    from vfi.training.command import VFICLI

    train, val = (config["data"][part] for part in ("train", "val"))
    if train["source"] == "video":
        named = ("source", "root", "clips", "hold_out")
        learnt, _ = with_default_split(
            TrainData(**{name: train[name] for name in named if name in train}),
            ValData(**{name: val[name] for name in named if name in val}),
        )
        clips = VideoTriplets(train["root"], learnt.clips, learnt.hold_out)
        if clips.identity()["sha256"] != data["sha256"]:
            logger.warning(
                "%s holds other clips than the %d that the model was made from: the result will "
                "be another one",
                train["root"],
                data["count"],
            )
    with atomic_path(folder / "config.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    VFICLI(["fit", "--config", str(folder / "config.yaml")])
