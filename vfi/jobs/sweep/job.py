"""The job: plans the points, measures those that are missing, and draws the conclusions."""

import itertools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vfi import measure, reporting
from vfi.data.sources import TrainData, ValData
from vfi.files import locked, writable_folder
from vfi.jobs.sweep import page
from vfi.jobs.sweep.pictures import draw
from vfi.jobs.sweep.points import Laboratory, Point, Setting, Variant
from vfi.jobs.sweep.records import Record, kept, row
from vfi.models.device import usable
from vfi.pruning import ArchitectureAware, GlobalThreshold, Policy
from vfi.stopping import Stopped

logger = logging.getLogger(__name__)

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
POLICIES: dict[str, Callable[[float], Policy]] = {
    "naive": GlobalThreshold,
    "aware": ArchitectureAware,
}
DENSE = Point("dense", 0.0, "dense")
_SHOWN = (
    *("policy", "variant", "level", "ratio", "emptied", "psnr", "psnr_drop", "psnr_drop_se"),
    *("ssim", "parameters_ratio", "flops_ratio", "median_ms", "speedup"),
)
NOTE = (
    "Drops are means of paired differences to dense, with their standard errors. The masked "
    "network computes what its compact twin does and is no faster than dense: its channels are "
    "zeroed, not removed."
)


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
) -> None:
    """Prunes a network by several policies to several levels, and measures each.

    Every point is scored as ``test`` scores, and timed in turns with the dense network. It is kept
    in the folder ``points`` of the output, so the same command goes on where it was stopped.

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
        repeats: timed rounds.
        device: cpu, cuda or cuda:N.
        output: folder for sweep.csv, sweep.json, sweep.html, pictures and points.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if a setting is out of range, or calibration would read what is scored.
    """
    if policies is not None and not policies:
        raise ValueError("policies is empty; name at least one, or leave the option out")
    measure.check_positive(repeats=repeats, limit=limit, calibration=calibration)
    timing = measure.Conditions(height, width, channels_last=True, device=str(usable(device)))
    points = _points(policies or POLICIES, levels, repair, finetuned)
    folder = writable_folder(output)
    setting = Setting(data, limit, train, calibration, timing, repeats)
    laboratory = Laboratory(network, refine, setting)
    with locked(folder):
        records = _measure(laboratory, points, folder / "points")
        _conclude(laboratory, records, folder)


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


def _measure(laboratory: Laboratory, points: Sequence[Point], folder: Path) -> list[Record]:
    """The records of all points, in order; those that are kept and still hold are not repeated."""
    records = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    try:
        with progress:
            overall = progress.add_task("points", total=len(points))
            current = progress.add_task("", total=laboratory.triplets)
            for point in points:
                progress.reset(current, description=point.name)
                path = folder / f"{point.name}.json"
                record = kept(path, laboratory.fingerprint(point))
                if record is None:
                    record = laboratory.measure(point, lambda: progress.advance(current))
                    reporting.write_json(record, path)
                records[point.name] = record
                progress.advance(overall)
    except (KeyboardInterrupt, Stopped) as stop:
        logger.warning(
            "stopped; %d of %d points are kept in %s, the same command goes on from there",
            len(records), len(points), folder,
        )  # fmt: skip
        if isinstance(stop, Stopped):
            stop.said = True
        raise
    return list(records.values())


def _conclude(laboratory: Laboratory, records: list[Record], folder: Path) -> None:
    rows = [row(record, records[0]) for record in records]
    figures = {
        "network": laboratory.source,
        "rows": rows,
        "note": NOTE,
        "points": records,
        "conditions": laboratory.circumstances,
        "environment": reporting.environment(),
    }
    reporting.write_csv(rows, folder / "sweep.csv")
    reporting.write_json(figures, folder / "sweep.json")
    draw(figures, folder)
    page.write(figures, folder / "sweep.html")
    reporting.table(
        f"{laboratory.source} on {laboratory.dataset}",
        [{name: r[name] for name in _SHOWN} for r in rows],
        caption=NOTE,
    )
    logger.info("wrote %s", folder)
