"""A policy that is told how fast the network must become, and finds out what that takes."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vfi.measure.conditions import Conditions
from vfi.measure.latency import compare_latency
from vfi.models import RIFE, Interpolator
from vfi.models.device import device_of
from vfi.pruning.channels import channel_groups
from vfi.pruning.compact import compact
from vfi.pruning.descent import descend
from vfi.pruning.importance import Batch, Importance, Taylor
from vfi.pruning.plan import PruningPlan
from vfi.pruning.policy import Policy
from vfi.pruning.prices import latency_table
from vfi.pruning.selection import Selection, best_channels

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LatencyBudget(Policy):
    """Narrows groups, least importance per millisecond first, until the network is fast enough.

    What a narrower group saves is read off a table of this network's layers at every width,
    measured on this machine. What the whole network then takes is measured in turns with the dense
    one, and the point to stop at corrected until it is what was asked for. In the spirit of
    NetAdapt (Yang et al., ECCV 2018) and HALP (Shen et al., NeurIPS 2022).

    Attributes:
        ratio: the latency wanted, as a fraction of the dense network's, in (0, 1).
        target_ms: the latency wanted, in milliseconds. Give one of the two.
        height: of the frames, in pixels.
        width: likewise.
        importance: ranks the channels; its scores must compare across layers.
        protect: patterns of groups to leave whole, as for `ArchitectureAware`.
        protect_first: whether the first convolutions, which read frames, flow and masks, are too.
        max_ratio: no group loses a larger fraction.
        min_channels: no group gets narrower.
        multiple: widths are rounded to multiples of this.
        tolerance: relative distance to the wanted latency that is near enough.
        rounds: networks that are measured before the nearest one has to do.
        repeats: timed calls of each network in a round.
        channels_last: memory layout in which the network will run.
        table: a JSON file that keeps the measured layers for the next time.
    """

    ratio: float | None = None
    target_ms: float | None = None
    height: int = 480
    width: int = 640
    importance: Importance = field(default_factory=Taylor)
    protect: tuple[str, ...] = ()
    protect_first: bool = True
    max_ratio: float = 0.9
    min_channels: int = 8
    multiple: int = 8
    tolerance: float = 0.03
    rounds: int = 6
    repeats: int = 20
    channels_last: bool = True
    table: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.ratio is None) == (self.target_ms is None):
            raise ValueError(
                f"ratio is {self.ratio} and target_ms is {self.target_ms}; give one of the two"
            )
        if self.ratio is not None and not 0 < self.ratio < 1:
            raise ValueError(
                f"ratio is {self.ratio}; the latency wanted, as a fraction of the dense network's, "
                "must be above 0 and below 1"
            )
        if self.target_ms is not None and self.target_ms <= 0:
            raise ValueError(f"target_ms is {self.target_ms}; it must be above 0")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance is {self.tolerance}; it must be above 0 and below 1")
        for name in ("height", "width", "rounds", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        _ = self.selection  # checks the rest

    @property
    def selection(self) -> Selection:
        """What may be pruned, and how far."""
        return Selection(
            self.protect, self.protect_first, self.max_ratio, self.min_channels, self.multiple
        )

    @property
    def wanted(self) -> float:
        """The latency wanted: a fraction of the dense network's if ``ratio`` is given, else ms."""
        wanted = self.target_ms if self.ratio is None else self.ratio
        if wanted is None:
            raise ValueError("neither ratio nor target_ms is given; give one of the two")
        return wanted

    def __call__(self, network: RIFE, batches: Iterable[Batch] = ()) -> PruningPlan:
        """Raises: ValueError: if even the narrowest network is slower than what is wanted."""
        groups = channel_groups(network.spec)
        protected, allowed = self.selection.protected(groups), self.selection.allowed(groups)
        scores = self.importance(network, batches)
        table = latency_table(
            network.spec,
            self.height,
            self.width,
            device=device_of(network),
            channels_last=self.channels_last,
            path=self.table,
        )
        way = descend(network.spec, table, scores, allowed)

        def plan(index: int) -> PruningPlan:
            return PruningPlan(network.spec, best_channels(scores, way[index].widths), protected)

        def measure(index: int) -> tuple[float, float]:
            return self._measure(network, plan(index))

        return plan(self._search([point.ms for point in way], measure))

    def _search(self, table: Sequence[float], measure: Callable[[int], tuple[float, float]]) -> int:
        """Which network on the way down, dense first, has the latency wanted when it is measured.

        The table tells how far apart they are. What a network takes besides its layers, and how
        layers in it differ from layers alone, is learnt from those measured so far: the next is
        taken right between the nearest slower and the nearest faster one.

        Raises:
            ValueError: if even the last one is too slow.
        """
        wanted, (dense, least) = self.wanted, measure(len(table) - 1)
        if least > wanted * (1 + self.tolerance):
            raise ValueError(
                f"wanted is {self._say(wanted)}, but with every group at its least width the "
                f"network takes {self._say(least)}; ask for that or more, or lower min_channels, "
                "raise max_ratio or protect less"
            )
        measured = {0: dense, len(table) - 1: least}
        for _ in range(self.rounds):
            nearest = min(measured, key=lambda index: abs(measured[index] - wanted))
            if dense <= wanted or abs(measured[nearest] / wanted - 1) <= self.tolerance:
                return nearest
            index = _between(measured, table, wanted)
            measured[index] = measure(index)[1]
            logger.info("measured %s, wanted %s", self._say(measured[index]), self._say(wanted))
        nearest = min(measured, key=lambda index: abs(measured[index] - wanted))
        if abs(measured[nearest] / wanted - 1) > self.tolerance:
            logger.warning(
                "the nearest network found takes %s, wanted is %s: timings vary much here; more "
                "repeats or rounds may help",
                self._say(measured[nearest]),
                self._say(wanted),
            )
        return nearest

    def _measure(self, network: RIFE, plan: PruningPlan) -> tuple[float, float]:
        """The latency of the dense and of the pruned network, in the unit of what is wanted."""
        models = {"dense": Interpolator(network), "pruned": Interpolator(compact(network, plan))}
        conditions = Conditions(
            self.height,
            self.width,
            channels_last=self.channels_last,
            device=str(device_of(network)),
        )
        latencies = compare_latency(models, conditions, repeats=self.repeats)
        if self.ratio is not None:
            return 1.0, 1 / latencies["pruned"].speedup
        return latencies["dense"].median_ms, latencies["pruned"].median_ms

    def _say(self, latency: float) -> str:
        if self.ratio is not None:
            return f"{latency:.3f} of the dense network's latency"
        return f"{latency:.1f} ms"


def _between(measured: Mapping[int, float], table: Sequence[float], wanted: float) -> int:
    """Where ``wanted`` should lie, interpolated on the scale of the table."""
    slower = max(index for index, latency in measured.items() if latency > wanted)
    faster = min(
        (index for index, latency in measured.items() if latency <= wanted and index > slower),
        default=len(table) - 1,
    )
    share = (measured[slower] - wanted) / (measured[slower] - measured[faster])
    goal = table[slower] + share * (table[faster] - table[slower])
    return min(range(len(table)), key=lambda index: abs(table[index] - goal))
