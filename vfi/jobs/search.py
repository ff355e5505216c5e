"""The job that tries structures: each candidate trained briefly, scored and timed alike."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import pandas as pd

from vfi import measure, reporting
from vfi.checkpoints import load_network
from vfi.files import locked, writable_folder
from vfi.models import Options
from vfi.reporting import curves
from vfi.runtime.load import Runtime, load_model
from vfi.schema import read_record

logger = logging.getLogger(__name__)

_RECORD = {"fingerprint": str, "scores": {str: float}}
_PREFIX = "val/psnr"
_REFERENCE = "reference"
_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Candidate:
    """A network to try: a known one, and what to change of it.

    Attributes:
        network: a name or path, as for `vfi.load_model`.
        options: see `vfi.models.Options`.
    """

    network: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Options.from_dict(self.options)


@dataclass(frozen=True)
class Recipe:
    """How every candidate is trained.

    Attributes:
        config: a configuration of ``fit``.
        root: the folder of clips to train and validate on, if the configuration needs one.
        photos: that of photographs, likewise.
        steps: of the optimizer; with 0 the candidates are scored as they are.
    """

    config: str
    root: str | None
    photos: str | None
    steps: int

    def arguments(self, candidate: Candidate, folder: Path) -> list[str]:
        """The command line of ``fit`` or ``validate`` that gives the candidate's scores."""
        options = {
            "ckpt_path": "null",
            "data.train.root": self.root,
            "data.train.photos": self.photos,
            "model.network": candidate.network,
            "model.options": json.dumps(candidate.options) if candidate.options else None,
            "overwrite": "true",
            "trainer.default_root_dir": str(folder),
        }
        if self.steps:
            options |= {"data.train.steps": str(self.steps), "trainer.max_epochs": "1"}
            options |= {"trainer.check_val_every_n_epoch": "1"}
        words = [word for name, value in options.items() if value for word in (f"--{name}", value)]
        return ["fit" if self.steps else "validate", "-c", self.config, *words]


def search(
    candidates: dict[str, Candidate] | None = None,
    root: str | None = None,
    photos: str | None = None,
    reference: str = "rife_v4.0",
    recipe: str = "fit/mixed.yaml",
    steps: int = 100,
    speeds: tuple[float, ...] = (2.3, 3.2, 5.0),
    runtimes: tuple[Runtime, ...] = ("torch", "openvino"),
    height: int = 480,
    width: int = 640,
    threads: int | None = None,
    repeats: int = 10,
    output: str = "runs/search",
) -> None:
    """Tries structures of a network: trains each alike and briefly, scores and times it.

    Scores are those of the training's validation set, held-out clips and rendered motion, as
    differences to the reference. For each speed the best candidate that reaches it, in the first
    runtime, is named. A candidate's scores are kept in the folder ``points`` of the output, so the
    same command goes on where it was stopped; times are measured anew, all in one run.

    Args:
        candidates: name -> network and options; see ``search/structures.yaml``.
        root: the folder of clips to train and validate on, if the configuration needs one.
        photos: that of photographs, likewise.
        reference: the network that the others are compared with.
        recipe: how to train, a configuration of ``fit``.
        steps: of training for each; 0 scores candidates as they are.
        speeds: times as fast as the reference.
        runtimes: to time in, float32; the first decides.
        height: of the frames that are timed, in pixels.
        width: likewise.
        threads: of the CPU; the runtime's default if not given.
        repeats: timed rounds.
        output: folder for search.csv, search.json and pictures.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if there is no candidate, a number is out of range, or a network cannot be
            changed so.
    """
    if not candidates:
        raise ValueError("there is no candidate; name some, or use -c search/structures.yaml")
    if wrong := [name for name in candidates if not _NAME.fullmatch(name) or name == _REFERENCE]:
        raise ValueError(
            f"a candidate is named {wrong[0]!r}; use letters, digits, - and _, and not "
            f"{_REFERENCE!r}"
        )
    if steps < 0 or not runtimes or min(speeds, default=1) <= 0:
        raise ValueError(
            f"steps is {steps}, runtimes {runtimes}, speeds {speeds}; give steps of 0 or more, at "
            "least one runtime, and speeds above 0"
        )
    measure.check_positive(repeats=repeats)
    entries = {_REFERENCE: Candidate(reference), **candidates}
    conditions = measure.Conditions(height, width, threads, channels_last=True)
    costs = {name: _costs(entry, conditions) for name, entry in entries.items()}
    folder = writable_folder(output)
    with locked(folder):
        # First, though they are quick: a runtime that is missing must not be found after hours.
        times = {runtime: _times(entries, runtime, conditions, repeats) for runtime in runtimes}
        scores = {}
        for name, entry in entries.items():
            how = Recipe(recipe, root, photos, 0 if name == _REFERENCE else steps)
            scores[name] = _scores(name, entry, how, folder)
        rows = [
            {
                "candidate": name,
                **asdict(entry),
                **costs[name],
                **{f"speed_{runtime}": times[runtime][name] for runtime in runtimes},
                **_differences(scores[name], scores[_REFERENCE]),
            }
            for name, entry in entries.items()
        ]
        _conclude(
            rows, runtimes, speeds, {"steps": steps, "conditions": asdict(conditions)}, folder
        )


def _costs(candidate: Candidate, conditions: measure.Conditions) -> dict[str, Any]:
    """Parameters and FLOPs; what a candidate cannot be is found before any work."""
    network = load_network(candidate.network, options=candidate.options)
    costs = measure.efficiency(network, conditions.height, conditions.width)
    return {"parameters": costs.parameters, "flops": costs.flops}


def _scores(name: str, candidate: Candidate, recipe: Recipe, folder: Path) -> dict[str, float]:
    """PSNR of the validation set and its parts in dB, kept if it is known."""
    text = json.dumps([asdict(candidate), asdict(recipe)], sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    path = folder / "points" / f"{name}.json"
    try:
        record = read_record(path, _RECORD)
        if record["fingerprint"] == fingerprint:
            return cast(dict[str, float], record["scores"])
    except FileNotFoundError:
        pass
    except ValueError as error:
        logger.warning("%s; the candidate is tried again", error)
    logger.info("%s: %s", name, f"{recipe.steps} steps" if recipe.steps else "scored as it is")
    from vfi.training.command import run

    metrics = run(recipe.arguments(candidate, folder / "runs" / name)).trainer.callback_metrics
    scores = {
        key.removeprefix("val/"): float(value)
        for key, value in metrics.items()
        if key.startswith(_PREFIX)
    }
    path.parent.mkdir(exist_ok=True)
    reporting.write_json({"fingerprint": fingerprint, "scores": scores}, path)
    return scores


def _times(
    entries: Mapping[str, Candidate],
    runtime: Runtime,
    conditions: measure.Conditions,
    repeats: int,
) -> dict[str, float]:
    """How many times as fast as the reference each is, in the same runtime."""
    models = {
        name: load_model(
            entry.network,
            options=entry.options,
            runtime=runtime,
            precision="float32",
            threads=conditions.threads,
        )
        for name, entry in entries.items()
    }
    latencies = measure.compare_latency(models, conditions, repeats=repeats, progress=True)
    return {name: latency.speedup for name, latency in latencies.items()}


def _differences(scores: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, float]:
    return {name: value - reference[name] for name, value in sorted(scores.items())}


def _conclude(
    rows: list[dict[str, Any]],
    runtimes: tuple[Runtime, ...],
    speeds: tuple[float, ...],
    setting: Mapping[str, Any],
    folder: Path,
) -> None:
    """Writes the table and pictures, and says which candidate is the best of each speed."""
    first = f"speed_{runtimes[0]}"
    best = {}
    for speed in sorted(speeds):
        able = [row for row in rows[1:] if row[first] >= speed]
        chosen = max(able, key=lambda row: row["psnr"], default=None)
        best[f"{speed:g}"] = chosen["candidate"] if chosen else None
    record = {**setting, "best": best, "candidates": rows, "environment": reporting.environment()}
    reporting.write_json(record, folder / "search.json")
    flat = [row | {"options": json.dumps(row["options"])} for row in rows]
    reporting.write_csv(flat, folder / "search.csv")
    for runtime in runtimes:
        curves.pareto_plot(
            pd.DataFrame(flat),
            f"speed_{runtime}",
            "psnr",
            "network",
            folder / f"search_{runtime}.svg",
            label="candidate",
            x_label=f"times as fast as {rows[0]['network']} ({runtime}, float32)",
            y_label="PSNR on the validation set, difference in dB",
            title=f"candidates after {setting['steps']} steps",
        )
    hidden = {"options", "network", "parameters"}
    shown = [{k: v for k, v in row.items() if k not in hidden} for row in rows]
    lines = [f"at {s} times: {name or 'none'}" for s, name in best.items()]
    reporting.table("structures", shown, caption="; ".join(lines))
    logger.info("%s is written", folder / "search.csv")
