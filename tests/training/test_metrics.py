"""The mean over images, over batches and over processes."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from tests.helpers.frames import frames
from vfi.measure.quality import psnr
from vfi.training.metrics import ImageMean


def test_it_averages_over_images_however_they_are_batched():
    values = psnr(*frames(5))
    whole, parts = ImageMean(), ImageMean()
    whole.update(values)
    for start, end in ((3, 5), (0, 2), (2, 3)):
        parts.update(values[start:end])
    assert whole.compute().item() == pytest.approx(values.double().mean().item(), rel=1e-12)
    assert parts.compute().item() == whole.compute().item()
    parts.reset()
    with pytest.raises(ValueError, match="no image"), pytest.warns(UserWarning, match="before"):
        parts.compute()


def _measure_share(rank: int, shares: list[list[list[int]]], folder: str) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", store, rank=rank, world_size=2)
    values = psnr(*frames(7))
    results = []
    for share in shares:
        metric = ImageMean()
        for index in share[rank]:
            metric.update(values[index : index + 1])
        results.append(metric.compute().item())
    torch.save(results, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_with_uneven_shares_give_the_digits_of_one(tmp_path: Path):
    values = psnr(*frames(7))
    alone = ImageMean()
    alone.update(values)
    shares = [[[0, 2, 4, 6, 1], [3, 5]], [[6, 5, 4, 3, 2, 1, 0], []]]
    mp.spawn(_measure_share, (shares, str(tmp_path)), nprocs=2)
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert results == [[alone.compute().item()] * len(shares)] * 2
