"""What stands in for a network inside an `vfi.models.Interpolator`."""

from abc import abstractmethod

from torch import Tensor, nn
from typing_extensions import override

from vfi.models import RIFE, Prepared, RIFESpec


class StandIn(nn.Module):
    """A `RIFE` that is run in another way.

    Args:
        network: the weights in float32.
        precision: what it computes in.
    """

    runtime = ""

    def __init__(self, network: RIFE, precision: str) -> None:
        super().__init__()
        self.network = network
        self.precision = precision

    @abstractmethod
    def prepare(self, image: Tensor, flow_scale: float = 1.0) -> Prepared:
        """As `RIFE.prepare`."""

    @property
    def spec(self) -> RIFESpec:
        """The shape of the network."""
        return self.network.spec

    @override
    def extra_repr(self) -> str:
        return f"{self.runtime}, {self.precision}"
