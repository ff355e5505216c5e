"""One point of a sweep: a network pruned in one way, scored and timed, kept in a file."""

import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from vfi import measure, reporting
from vfi.checkpoints import load_network
from vfi.checkpoints.formats import digest
from vfi.data.calibration import calibration_batches
from vfi.data.overlap import check_calibration
from vfi.data.sources import TrainData, ValData, check_root, open_source, validated
from vfi.files import sha256
from vfi.jobs.sweep.records import Record
from vfi.measure.protocol import SCORES, score_set
from vfi.models import RIFE, Interpolator
from vfi.pruning import (
    ArchitectureAware,
    Batch,
    GlobalThreshold,
    Masks,
    Policy,
    PruningPlan,
    SavedPlan,
    Scores,
    compact,
    repair,
)
from vfi.pruning.policy import describe

Variant = Literal["dense", "compact", "repaired", "finetuned", "masked"]


@dataclass(frozen=True)
class Point:
    """What is to be measured.

    Attributes:
        series: the policy's name.
        level: the overall channel ratio asked for, in [0, 1).
        variant: whether pruned channels are removed (and what is left is repaired, or trained) or
            only zeroed.
        policy: None for the dense network.
        trained: where the network lies that was pruned in this way and then trained.
    """

    series: str
    level: float
    variant: Variant
    policy: Policy | None = None
    trained: Path | None = None

    @property
    def name(self) -> str:
        """Its file's, without suffix."""
        return f"{self.series}-{self.level:g}-{self.variant}" if self.policy else self.series


@dataclass(frozen=True)
class Setting:
    """How points are measured: see `vfi.jobs.sweep.sweep`."""

    data: ValData
    limit: int | None
    train: TrainData
    calibration: int
    timing: measure.Conditions
    repeats: int

    def to_dict(self) -> dict[str, Any]:
        """What figures depend on; of the data, contents count, not where they are."""
        return {
            "limit": self.limit,
            "train": dataclasses.asdict(self.train),
            "calibration": self.calibration,
            "height": self.timing.height,
            "width": self.timing.width,
            "repeats": self.repeats,
            "device": self.timing.device,
        }


class Laboratory:
    """Measures points of one network under the same conditions.

    Args:
        source: the network's name or path.
        refine: whether its refine stage is used.
        setting: how to measure.
    """

    def __init__(self, source: str, refine: bool, setting: Setting) -> None:
        self.setting = setting
        self.source = source
        self.dense = load_network(source, refine)
        self._tested = validated(setting.data, setting.train)
        check_root("data.root", self._tested.source, self._tested.root)
        self.data = open_source(self._tested)
        self._scores: dict[str, Scores] = {}

    @property
    def triplets(self) -> int:
        """How many are scored for a point."""
        return min(len(self.data), self.setting.limit or len(self.data))

    @property
    def dataset(self) -> str:
        """What is scored, in words."""
        return str(self.circumstances["dataset"]["name"])

    @cached_property
    def circumstances(self) -> dict[str, Any]:
        """All that figures depend on, besides the point."""
        environment = reporting.environment()
        return {
            "network": [self.dense.spec.to_dict(), digest(self.dense.state_dict())],
            "dataset": self.data.identity(),
            **self.setting.to_dict(),
            "threads": torch.get_num_threads(),
            "cpu": environment["cpu"],
            "gpus": environment["gpus"],
            "torch": environment["packages"]["torch"],
        }

    def fingerprint(self, point: Point) -> str:
        """Tells whether a kept record still holds."""
        what = [point.series, point.level, point.variant, describe(point.policy)]
        files = [point.policy.path] if isinstance(point.policy, SavedPlan) else []
        files += [point.trained] if point.trained else []
        what += [sha256(file) for file in files]
        text = json.dumps([tuple(what), self.circumstances], default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def measure(self, point: Point, advance: Callable[[], object] = lambda: None) -> Record:
        """Prunes and scores; ``advance`` is called after each triplet. `timed` completes it."""
        plan = self._plan(point.policy) if point.policy else PruningPlan(self.dense.spec)
        trained, variant = point.trained, point.variant
        network = (
            self._trained(point.name, trained, plan) if trained else self._pruned(plan, variant)
        )
        size = self.setting.timing.height, self.setting.timing.width
        scores = self._score(network, advance)
        network.cpu()
        self.dense.cpu()
        return {
            "fingerprint": self.fingerprint(point),
            "series": point.series,
            "level": point.level,
            "variant": point.variant,
            "policy": describe(point.policy),
            "plan": _summary(plan),
            "scores": scores,
            "costs": dataclasses.asdict(measure.efficiency(network, *size)),
            "latency": None,
            "untimed": plan.to_dict(),
        }

    def timed(self, record: Record) -> Record:
        """The record with the point's time, of a network with its widths: see `measure`.

        Apart from the scores, because nothing else may run on a machine that is timed.
        """
        record = dict(record)
        plan = record.pop("untimed", None)
        if plan is None or not self.setting.repeats:
            return record
        removed = record["variant"] not in ("dense", "masked")
        variant: Variant = "compact" if removed else record["variant"]
        network = self._pruned(PruningPlan.from_dict(plan), variant)
        latency = self._time(network)
        network.cpu()
        self.dense.cpu()
        return record | {"latency": latency}

    def _plan(self, policy: Policy) -> PruningPlan:
        """What the policy says; channels are scored once, not once for every level."""
        if not isinstance(policy, GlobalThreshold | ArchitectureAware):
            return policy(self.dense, self._batches())
        key = json.dumps(describe(policy.importance))
        if key not in self._scores:
            self._scores[key] = policy.importance(self.dense, self._batches())
        return policy.plan(self.dense, self._scores[key])

    def _batches(self) -> Iterator[Batch]:
        yield from self._calibration

    @cached_property
    def _calibration(self) -> list[Batch]:
        check_calibration(self.setting.train, self._tested)
        return list(calibration_batches(self.setting.train, self.setting.calibration))

    def _pruned(self, plan: PruningPlan, variant: Variant) -> RIFE:
        if variant == "dense":
            return self.dense
        if variant == "masked":
            network = copy.deepcopy(self.dense)
            Masks(network, plan).apply()
            return network
        network = compact(self.dense, plan)
        if variant == "repaired":
            network = repair(network, self.dense, plan, self._batches())
        return network

    def _trained(self, name: str, path: Path, plan: PruningPlan) -> RIFE:
        network = load_network(path, refine=plan.spec.refine is not None)
        if network.spec.for_inference() != plan.compact_spec:
            raise ValueError(
                f"{path} has other widths than the plan of {name}; train what this policy prunes"
            )
        return network

    def _score(self, network: RIFE, advance: Callable[[], object]) -> dict[str, list[Any]]:
        """The scores of each triplet, as a test computes them."""
        device = self.setting.timing.device
        model = Interpolator(network).to(device).eval()
        rows = score_set(model, self.data, limit=self.setting.limit, device=device, each=advance)
        return {name: [row[name] for row in rows] for name in ("id", *SCORES)}

    def _time(self, network: RIFE) -> dict[str, Any]:
        """The latency of ``network`` and of the dense one, measured in turns."""
        models = {"dense": Interpolator(self.dense)}
        if network is not self.dense:
            models["network"] = Interpolator(network)
        for model in models.values():
            model.to(self.setting.timing.device).eval()
        repeats = self.setting.repeats
        measured = measure.compare_latency(models, self.setting.timing, repeats=repeats)
        latency = dataclasses.asdict(measured.get("network", measured["dense"]))
        return latency | {"dense_median_ms": measured["dense"].median_ms}


def _summary(plan: PruningPlan) -> dict[str, Any]:
    return {
        "ratio": plan.ratio,
        "widths": plan.widths,
        "emptied": list(plan.emptied),
        "protected": dict(plan.protected),
    }
