"""The benchmark's scores as torchmetrics classes: a value per image, a mean over all processes."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from vfi.measure.quality import interpolation_error, psnr, ssim_2d, ssim_matlab


class ImageMetric(Metric):
    """Mean over images of a function of `(pred, target)`; subclasses name the function.

    Keeps one value per image and gathers them all over processes, however unevenly they are spread
    (a process may have seen none), so N processes give the digits of one. An image fed twice counts
    twice: feed each image once, in one process.

    Attributes:
        measure: ``(B, 3, H, W), (B, 3, H, W) -> (B,)``.
    """

    full_state_update = False
    is_differentiable = False
    measure: ClassVar[Callable[[Tensor, Tensor], Tensor]]
    values: list[Tensor]

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Adds a batch: ``(B, 3, H, W)`` in [0, 1] each."""
        # A process without images is gathered as an empty tensor of `dtype`: keep to that type.
        self.values.append(type(self).measure(pred, target).detach().to(self.dtype))

    @property
    def latest(self) -> Tensor:
        """The values ``(B,)`` of the last `update` here, so that nothing is computed twice."""
        if not self.values:
            raise ValueError(f"{type(self).__name__}: no image has been measured yet")
        return self.values[-1]

    def compute(self) -> Tensor:
        """The mean over all images, a float64 scalar."""
        if len(self.values) == 0:
            raise ValueError(
                f"{type(self).__name__}: no image was measured; is the data set empty?"
            )
        # Sorted, the sum rounds the same way in whatever order processes delivered the values.
        return dim_zero_cat(self.values).double().sort().values.mean()


class PSNR(ImageMetric):
    """Mean `psnr` over images, in dB."""

    higher_is_better = True
    measure = staticmethod(psnr)


class SSIMMatlab(ImageMetric):
    """Mean `ssim_matlab` over images: the benchmark's SSIM."""

    higher_is_better = True
    measure = staticmethod(ssim_matlab)


class SSIM2d(ImageMetric):
    """Mean `ssim_2d` over images: the usual per-channel SSIM."""

    higher_is_better = True
    measure = staticmethod(ssim_2d)


class InterpolationError(ImageMetric):
    """Mean `interpolation_error` over images, in 8-bit levels."""

    higher_is_better = False
    measure = staticmethod(interpolation_error)
