"""The protocol of every quality figure: frames of 8 bits, one score an image, then the mean."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vfi.measure.quality import interpolation_error, psnr, quantize, ssim_2d, ssim_matlab

if TYPE_CHECKING:
    from vfi.data.images import Triplet, TripletSet

SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": psnr,
    "ssim": ssim_matlab,
    "ssim_2d": ssim_2d,
    "ie": interpolation_error,
}
"""What `test` reports of a prediction and the truth, in its order."""


def score(made: Tensor, truth: Tensor, names: Sequence[str] = tuple(SCORES)) -> dict[str, Tensor]:
    """The scores of frames as they would be stored: they are rounded to 8 bits first.

    Args:
        made: ``(B, 3, H, W)`` in [0, 1].
        truth: likewise.
        names: some of `SCORES`.

    Returns:
        ``(B,)`` for each name.

    Raises:
        ValueError: if the shapes are wrong or differ, or an image holds NaN or infinite values.
    """
    stored = quantize(made)
    return {name: SCORES[name](stored, truth) for name in names}


def score_set(
    model: Callable[[Tensor, Tensor, Tensor], Tensor],
    dataset: "TripletSet",
    *,
    names: Sequence[str] = tuple(SCORES),
    limit: int | None = None,
    device: torch.device | str = "cpu",
    each: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Scores a model on a set, a triplet at a time: to the digits of ``test``.

    Args:
        model: ``model(img0, img1, timestep)`` gives ``(1, 3, H, W)``; a module is to be in
            evaluation mode, on the device.
        dataset: of triplets.
        names: some of `SCORES`.
        limit: triplets, from the first; all if not given.
        device: where the model is.
        each: is called after each triplet.

    Returns:
        ``id`` and the scores of each triplet.

    Raises:
        ValueError: as `score`.
    """
    rows = []
    with torch.inference_mode():
        for triplet in islice(_items(dataset), limit):
            img0, gt, img1 = (triplet[k][None].to(device) for k in ("img0", "gt", "img1"))
            timestep = torch.tensor([triplet["timestep"]], device=device)
            made = model(img0.float() / 255, img1.float() / 255, timestep)
            values: Mapping[str, Tensor] = score(made, gt.float() / 255, names)
            rows.append({"id": triplet["id"], **{n: v.item() for n, v in values.items()}})
            each()
    return rows


def _items(dataset: "TripletSet") -> Iterator["Triplet"]:
    for index in range(len(dataset)):
        yield dataset[index]
