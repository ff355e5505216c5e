"""The job that shows what pruning would take from a model, and what each of its layers costs."""

import logging
from collections.abc import Callable
from pathlib import Path

from vfi import reporting
from vfi.checkpoints import load_network
from vfi.data.calibration import calibration_batches
from vfi.data.sources import TrainData
from vfi.files import atomic_path
from vfi.jobs.explain_page import Explained, Part, text
from vfi.measure.conditions import check_positive, parse_size
from vfi.models import RIFE, variant
from vfi.models.device import usable
from vfi.pruning import ArchitectureAware, GlobalThreshold, channel_groups
from vfi.pruning.importance import Scores
from vfi.pruning.layers import network_layers
from vfi.pruning.levels import costs, levels
from vfi.pruning.policy import describe
from vfi.pruning.selection import check_ratio

logger = logging.getLogger(__name__)

_RATIOS = tuple(percent / 100 for percent in range(5, 95, 5))


def explain(
    model: str = "rife_v4.0",
    output: str | None = None,
    ratio: float = 0.3,
    size: str = "640x480",
    train: TrainData = TrainData(),  # noqa: B008 (frozen)
    calibration: int = 4,
    device: str = "cpu",
    json: bool = False,
) -> None:
    """Shows what pruning would take from a model: a page with a slider.

    Layers as bars, by the naive policy (one threshold over the L1 norms of all channels) and by the
    aware one (vfi.pruning.ArchitectureAware), at every ratio; the importance of every channel
    beside the threshold; the layers that it empties; milliseconds and multiply-accumulates of each
    convolution on this machine. One file of HTML, which asks for nothing outside.

    Args:
        model: a name or path, as for ``vfi.load_model``.
        output: the page; ``<model>_pruning.html`` here if not given.
        ratio: where the slider stands first: the share of all channels that goes, in [0, 1).
        size: of the frames that costs are for, WIDTHxHEIGHT in pixels.
        train: where the aware policy gets calibration batches; the rendered sample if not given.
        calibration: how many batches.
        device: where layers are timed: cpu, cuda or cuda:N.
        json: also write the figures, under the page's name with .json.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if a setting is out of range or the page cannot be written.
    """
    check_positive(calibration=calibration)
    check_ratio("ratio", ratio)
    width, height = parse_size(size)
    path = Path(output or f"{Path(model).stem if Path(model).suffix else model}_pruning.html")
    if path.suffix.lower() != ".html":
        raise ValueError(f"output is {path}; give the name of a .html file")
    place = usable(device)
    with atomic_path(path) as file:  # proves that it can be written before anything is computed
        network = load_network(model)
        batches = list(calibration_batches(train, calibration))
        layers = network_layers(network.spec, height, width)
        narrowest = min(channel_groups(network.spec).widths.values())
        makers: dict[str, Callable[[float], GlobalThreshold | ArchitectureAware]] = {
            "naive": GlobalThreshold,
            "aware": lambda asked: ArchitectureAware(asked, min_channels=min(8, narrowest)),
        }
        ratios = sorted({*_RATIOS, ratio} - {0.0})
        found, scores = {}, Scores()
        for name, make in makers.items():
            policy = make(0)
            known = policy.importance(network, batches)
            scores = scores or known
            found[name] = levels(network, make, known, ratios, layers)
        explained = Explained(
            model=model,
            size=(width, height),
            ratio=ratio,
            parts=_parts(network, scores),
            policies={name: describe(make(ratio)) for name, make in makers.items()},
            levels=found,
            costs=costs(network.spec, layers, place),
            environment=reporting.environment(),
        )
        file.write_text(text(explained), encoding="utf-8")
    if json:
        reporting.write_json(explained, path.with_suffix(".json"))
    logger.info("wrote %s", path)


def _parts(network: RIFE, scores: Scores) -> list[Part]:
    """The channel groups, and what the official network has of each."""
    spec = network.spec
    official = channel_groups(variant(spec.variant)).widths
    return [
        Part(
            name, group.width, official.get(name, group.width), group.producers,
            group.protection, scores[name].tolist(),
        )
        for name, group in channel_groups(spec).items()
    ]  # fmt: skip
