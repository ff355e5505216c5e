"""The policy of a plan that lies in a file."""

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vfi.models import RIFE
from vfi.pruning.importance import Batch
from vfi.pruning.plan import PruningPlan
from vfi.pruning.policy import Policy
from vfi.shipped import found


@dataclass(frozen=True)
class SavedPlan(Policy):
    """What another policy once chose, the same on every machine.

    Attributes:
        ratio: names the plan: the file ``<ratio>.json`` of the folder.
        folder: of files with the JSON text that `PruningPlan.to_json` gives; the job ``plan``
            writes them.
    """

    ratio: float
    folder: str | os.PathLike[str]

    @property
    def path(self) -> Path:
        """The plan's file. Raises: ValueError: if there is none."""
        folder = found(self.folder)
        path = folder / f"{self.ratio:g}.json"
        if not path.is_file():
            known = sorted(file.stem for file in folder.glob("[!.]*.json"))
            raise ValueError(
                f"there is no pruning plan {path}; the folder has {', '.join(known) or 'none'}, "
                "and `plan` writes them"
            )
        return path

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan:
        """Raises: ValueError: if there is no such plan, or it was made for another network."""
        path = self.path
        try:
            plan = PruningPlan.from_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is damaged ({error}); let `plan` write it again") from error
        plan.check(network.spec)
        return dataclasses.replace(plan, spec=network.spec)
