"""The torchmetrics classes: means over images, over batches and over processes."""

from pathlib import Path

import cv2
import pytest
import torch
import torch.multiprocessing as mp

from tests.helpers.frames import frames
from vfi.measure import quantize
from vfi.measure.quality import interpolation_error, psnr, ssim_2d, ssim_matlab
from vfi.training.metrics import PSNR, InterpolationError, SSIM2d, SSIMMatlab

FUNCTIONS = [psnr, ssim_matlab, ssim_2d, interpolation_error]
CLASSES = [PSNR, SSIMMatlab, SSIM2d, InterpolationError]


@pytest.mark.parametrize(("metric", "function"), zip(CLASSES, FUNCTIONS, strict=True))
def test_classes_average_over_images_however_they_are_batched(metric, function):
    pred, target = frames(5)
    values = function(pred, target)
    whole, parts = metric(), metric()
    whole.update(pred, target)
    for start, end in ((3, 5), (0, 2), (2, 3)):
        parts.update(pred[start:end], target[start:end])
        torch.testing.assert_close(parts.latest, values[start:end])
    assert whole.compute().item() == pytest.approx(values.double().mean().item(), rel=1e-12)
    assert parts.compute().item() == pytest.approx(whole.compute().item(), rel=1e-6)
    parts.reset()
    with pytest.raises(ValueError, match="no image"):
        _ = parts.latest
    with pytest.raises(ValueError, match="no image"), pytest.warns(UserWarning, match="before"):
        parts.compute()


def _measure_share(rank: int, shares: list[list[list[int]]], folder: str) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", store, rank=rank, world_size=2)
    pred, target = frames(7)
    results = []
    for share in shares:
        metric = PSNR()
        for index in share[rank]:
            metric.update(pred[index : index + 1], target[index : index + 1])
        results.append(metric.compute().item())
    torch.save(results, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_with_uneven_shares_give_the_digits_of_one(tmp_path: Path):
    pred, target = frames(7)
    alone = PSNR()
    for index in range(7):
        alone.update(pred[index : index + 1], target[index : index + 1])
    shares = [[[0, 2, 4, 6, 1], [3, 5]], [[6, 5, 4, 3, 2, 1, 0], []]]
    mp.spawn(_measure_share, (shares, str(tmp_path)), nprocs=2)
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert results == [[alone.compute().item()] * len(shares)] * 2


def test_known_answers_on_the_379_ucf101_triplets(ucf101_root: Path):
    """Published beside the benchmark: the first frame as the answer, and the average of both."""
    folders = sorted(path for path in ucf101_root.iterdir() if path.is_dir())
    assert len(folders) == 379
    copied, averaged = PSNR(), PSNR()
    for folder in folders:
        names = ("frame_00.png", "frame_01_gt.png", "frame_02.png")
        images = [torch.from_numpy(cv2.imread(str(folder / name))) for name in names]
        img0, gt, img1 = (x.permute(2, 0, 1)[None].float() / 255 for x in images)
        copied.update(img0, gt)
        # In whole levels: float sums of k / 255 would break the ties of rounding at random.
        average = ((img0 + img1) * 255).round() / 2
        averaged.update(quantize(average / 255), gt)
    assert copied.compute().item() == pytest.approx(31.27, abs=0.005)
    assert averaged.compute().item() == pytest.approx(33.133, abs=0.001)
