"""The job that decides, once and on the machine that matters, which channels stay."""

import logging
from pathlib import Path

from vfi import measure, reporting
from vfi.checkpoints import load_network
from vfi.data.calibration import calibration_batches
from vfi.data.sources import TrainData
from vfi.files import atomic_path, writable_folder
from vfi.pruning import Policy
from vfi.pruning.policy import describe

logger = logging.getLogger(__name__)


def plan(
    policy: Policy,
    output: str,
    network: str = "rife_v4.0",
    refine: bool = True,
    train: TrainData = TrainData(),  # noqa: B008 (frozen)
    calibration: int = 10,
) -> None:
    """Writes the plan of a policy to a file, for `vfi.pruning.SavedPlan`.

    Policies that measure time answer differently on every machine, and each time: a plan in a file
    is the same for everyone who prunes by it.

    Args:
        policy: chooses the channels.
        output: the JSON file to write.
        network: a name or path, as for ``vfi.load_model``.
        refine: whether the refine stage is used.
        train: where policies that look at data get calibration batches.
        calibration: how many batches.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if a setting is out of range or the output cannot be written.
    """
    measure.check_positive(calibration=calibration)
    path = Path(output)
    if path.suffix != ".json":
        raise ValueError(f"output is {output!r}; give the name of a .json file")
    writable_folder(path.parent)
    dense = load_network(network, refine=refine)
    chosen = policy(dense, calibration_batches(train, calibration))
    with atomic_path(path) as temporary:
        temporary.write_text(chosen.to_json() + "\n", encoding="utf-8")
    rows = []
    for name, kept in chosen.keep.items():
        before = len(kept) + len(chosen.removed.get(name, ()))
        rows.append({"group": name, "channels": before, "kept": len(kept)})
    reporting.table(f"{network}: {chosen.ratio:.1%} of the channels removed", rows)
    logger.info("wrote %s by %s", path, describe(policy)["class"])
