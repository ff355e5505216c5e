"""The job: plans the points, measures those that are missing, and draws the conclusions."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from vfi import measure
from vfi.data.sources import TrainData, ValData
from vfi.files import locked, writable_folder
from vfi.jobs import executors
from vfi.jobs.executors import Kind
from vfi.jobs.sweep.conclusion import conclude
from vfi.jobs.sweep.measuring import Points
from vfi.jobs.sweep.points import Laboratory, Point, Setting, Variant
from vfi.models.device import usable
from vfi.pruning import ArchitectureAware, GlobalThreshold, Policy

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
POLICIES: dict[str, Callable[[float], Policy]] = {
    "naive": GlobalThreshold,
    "aware": ArchitectureAware,
}
DENSE = Point("dense", 0.0, "dense")


def sweep(
    network: str = "rife_v4.0",
    refine: bool = True,
    policies: dict[str, Callable[[float], Policy]] | None = None,
    levels: tuple[float, ...] = LEVELS,
    repair: bool = False,
    finetuned: str | None = None,
    data: ValData = ValData(),  # noqa: B008 (frozen)
    limit: int | None = None,
    train: TrainData = TrainData(),  # noqa: B008 (frozen)
    calibration: int = 10,
    height: int = 480,
    width: int = 640,
    repeats: int = 10,
    device: str = "cpu",
    output: str = "runs/sweep",
    executor: Kind = "in-process",
    address: str | None = None,
) -> None:
    """Prunes a network by several policies to several levels, and measures each.

    Every point is scored as ``test`` scores; when all are, each is timed in turns with the dense
    network. Points are kept in the folder ``points`` of the output, so the same command goes on
    where it was stopped.

    Args:
        network: a name or path, as for ``vfi.load_model``.
        refine: whether the refine stage is used.
        policies: name -> policy, whose first argument is the level; by default ``naive``
            (GlobalThreshold) and ``aware`` (ArchitectureAware).
        levels: overall channel ratios to remove, each in [0, 1).
        repair: also measure every pruned network after `vfi.pruning.repair`.
        finetuned: also measure networks that were trained after pruning; where they lie, with
            ``{policy}`` and ``{level}`` in place of a policy's name and of the level.
        data: what is scored.
        limit: score only the first triplets; all if not given.
        train: where repair, and policies that need them, get calibration batches.
        calibration: how many batches.
        height: of the frames that are timed, in pixels.
        width: likewise.
        repeats: timed rounds; 0 times nothing.
        device: cpu, cuda or cuda:N.
        output: folder for sweep.csv, sweep.json, sweep.html, pictures and points.
        executor: where points are scored: one by one here, or on a Ray cluster (``ray``), to the
            same bytes. A point that fails there three times is a row that says so.
        address: of a Ray cluster to join: auto or host:port; one on this machine if not given.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if a setting is out of range, or calibration would read what is scored.
        SystemExit: with status 1, if some points failed.
    """
    if policies is not None and not policies:
        raise ValueError("policies is empty; name at least one, or leave the option out")
    measure.check_positive(repeats=repeats or None, limit=limit, calibration=calibration)
    timing = measure.Conditions(height, width, channels_last=True, device=str(usable(device)))
    points = _points(policies or POLICIES, levels, repair, finetuned)
    folder = writable_folder(output)
    setting = Setting(data, limit, train, calibration, timing, repeats)
    laboratory = Laboratory(network, refine, setting)
    workers = partial(executors.executor, executor, address, device)
    with locked(folder):
        records = Points(laboratory, points, folder / "points", workers).measure()
        conclude(laboratory, points, records, folder)


def _points(
    policies: Mapping[str, Callable[[float], Policy]],
    levels: Sequence[float],
    repair: bool,
    finetuned: str | None,
) -> list[Point]:
    """Dense first, then level by level, so that a sweep that was stopped compares policies."""
    levels = sorted({level for level in levels if level != 0})
    if not levels:
        raise ValueError("levels has no sparsity above 0; give at least one, e.g. 0.3")
    for name in policies:
        if not re.fullmatch(r"\w+", name) or name == DENSE.series:
            raise ValueError(
                f"a policy is named {name!r}; use letters, digits and _, and not {DENSE.series!r}"
            )
    variants: tuple[Variant, ...] = ("compact", "repaired") if repair else ("compact",)
    pruned = []
    for level, (name, make) in itertools.product(levels, policies.items()):
        pruned += [Point(name, level, variant, make(level)) for variant in variants]
        if finetuned:
            trained = _trained(finetuned, name, level)
            pruned.append(Point(name, level, "finetuned", make(level), trained))
    # Computes what its compact twin computes, at the dense network's speed: one is proof enough.
    name, make = list(policies.items())[-1]
    level = levels[len(levels) // 2]
    return [DENSE, *pruned, Point(name, level, "masked", make(level))]


def _trained(template: str, policy: str, level: float) -> Path:
    """Where the network of a policy and level lies that was trained."""
    path = Path(template.replace("{policy}", policy).replace("{level}", f"{level:g}"))
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no fine-tuned network {path} (finetuned is {template!r}); "
            "train it, or leave its level out"
        )
    return path
