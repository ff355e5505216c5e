"""A mean over the images of all processes."""

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class ImageMean(Metric):
    """The mean of one value per image.

    Keeps all values and gathers them over processes, however unevenly they are spread (a process
    may have none), so N processes give the digits of one. An image fed twice counts twice: feed
    each image once, in one process.
    """

    full_state_update = False
    is_differentiable = False
    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def update(self, values: Tensor) -> None:
        """Adds the values ``(B,)`` of a batch."""
        # A process without images is gathered as an empty tensor of `dtype`: keep to that type.
        self.values.append(values.detach().to(self.dtype))

    def compute(self) -> Tensor:
        """The mean over all images, a float64 scalar.

        Raises:
            ValueError: if there is none.
        """
        if len(self.values) == 0:
            raise ValueError("no image was measured; is the data set empty?")
        # Sorted, the sum rounds the same way in whatever order processes delivered the values.
        return dim_zero_cat(self.values).double().sort().values.mean()
