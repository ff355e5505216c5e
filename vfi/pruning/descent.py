"""The way from a network down to its narrowest form, least importance per millisecond first."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vfi.models import RIFESpec
from vfi.pruning.channels import channel_groups
from vfi.pruning.importance import Scores
from vfi.pruning.prices import LatencyTable

_LOOKAHEAD = 4


@dataclass(frozen=True)
class Waypoint:
    """A network on the way down.

    Attributes:
        widths: channels of every group.
        ms: what its layers take by the table.
    """

    widths: Mapping[str, int]
    ms: float


def descend(
    spec: RIFESpec, table: LatencyTable, scores: Scores, allowed: Mapping[str, Sequence[int]]
) -> list[Waypoint]:
    """The networks on the way down, from the whole one to the narrowest, each a step apart.

    A step narrows the group that loses the least importance per millisecond that its producers and
    consumers then take less, at the widths that they have come to.

    Args:
        spec: of the network.
        table: what its layers cost at every width.
        scores: of every group's channels, comparable across groups.
        allowed: widths that a group may have, widest first; groups left out stay whole.
    """
    descent = _Descent(spec, table, scores, allowed)
    way = [descent.waypoint()]
    while descent.step():
        way.append(descent.waypoint())
    return way


class _Descent:
    def __init__(
        self,
        spec: RIFESpec,
        table: LatencyTable,
        scores: Scores,
        allowed: Mapping[str, Sequence[int]],
    ) -> None:
        groups = channel_groups(spec)
        self.table = table
        self.allowed = allowed
        self.widths = groups.widths
        self.inputs = {conv: layer.shape.inputs for conv, layer in table.layers.items()}
        self.outputs = {conv: layer.shape.outputs for conv, layer in table.layers.items()}
        # Context features are read twice by one convolution: once for each frame.
        self.reads = {n: Counter(c.conv for c in g.consumers) for n, g in groups.items()}
        self.writes = {name: Counter(group.producers) for name, group in groups.items()}
        self.touched = defaultdict(set)  # by convolution: the groups whose price it bears on
        for name in allowed:
            for conv in self.reads[name] | self.writes[name]:
                self.touched[conv].add(name)
        self.lost = {
            name: [0.0, *scores[name].double().sort().values.cumsum(0).tolist()] for name in allowed
        }
        self.ms = sum(table.ms(conv, self.inputs[conv], self.outputs[conv]) for conv in self.inputs)
        self.offers: dict[str, tuple[float, int]] = {}
        self._refresh(allowed)

    def waypoint(self) -> Waypoint:
        return Waypoint(dict(self.widths), self.ms)

    def step(self) -> bool:
        """Narrows the cheapest group; says whether there was one."""
        if not self.offers:
            return False
        name = min(self.offers, key=lambda offer: self.offers[offer][0])
        width = self.offers[name][1]
        self.ms -= self._saved(name, width)
        removed = self.widths[name] - width
        for conv, times in self.reads[name].items():
            self.inputs[conv] -= times * removed
        for conv in self.writes[name]:
            self.outputs[conv] -= removed
        self.widths[name] = width
        self._refresh(set().union(*(self.touched[c] for c in self.reads[name] | self.writes[name])))
        return True

    def _refresh(self, names: Iterable[str]) -> None:
        for name in names:
            self.offers.pop(name, None)
            if offer := self._offer(name):
                self.offers[name] = offer

    def _offer(self, name: str) -> tuple[float, int] | None:
        """The least importance per millisecond that narrowing a group costs, and to what width.

        More than the next width is looked at: a layer's cost is a staircase, on which one step may
        save nothing and the next one much.
        """
        whole, width, lost = self.allowed[name][0], self.widths[name], self.lost[name]
        narrower = [w for w in self.allowed[name] if w < width][:_LOOKAHEAD]
        offers = [
            ((lost[whole - w] - lost[whole - width]) / saved, w)
            for w in narrower
            if (saved := self._saved(name, w)) > 0
        ]
        return min(offers, default=None)

    def _saved(self, name: str, width: int) -> float:
        """Milliseconds that narrowing a group to ``width`` saves."""
        removed, saved = self.widths[name] - width, 0.0
        for conv in self.reads[name] | self.writes[name]:
            inputs, outputs = self.inputs[conv], self.outputs[conv]
            fewer_inputs = inputs - self.reads[name][conv] * removed
            fewer_outputs = outputs - self.writes[name][conv] * removed
            saved += self.table.ms(conv, inputs, outputs)
            saved -= self.table.ms(conv, fewer_inputs, fewer_outputs)
        return saved
