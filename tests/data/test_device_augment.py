"""What varies batches on the device does what a loader does."""

import dataclasses

import numpy as np
import pytest
import torch

from vfi.data.augment import Augment, keyed_rng
from vfi.data.device_augment import apply, varied
from vfi.data.sources import TrainData

ALL = Augment(crop=16, jitter=0.3, bars=0.5)


@pytest.fixture
def frames():
    """Three frames ``(16, 16, 3)`` of which no mirror, turn or order is like another."""
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8))


def tensors(frames):
    stacked = np.stack([np.ascontiguousarray(frame).transpose(2, 0, 1) for frame in frames])
    return torch.from_numpy(stacked).float() / 255


def test_a_draw_does_the_same_in_the_loader_and_on_the_device(frames):
    draws = [ALL.draw(keyed_rng(number), (16, 16)) for number in range(64)]
    made = apply(tensors(frames).expand(64, -1, -1, -1, -1), draws)
    for number, (one, draw) in enumerate(zip(made, draws, strict=True)):
        expected = tensors(ALL.vary(frames, keyed_rng(number)))
        assert (one - expected).abs().max() <= 1.01 / 255, draw
    for name in ("mirror", "upside_down", "turn", "reverse_time", "reverse_channels"):
        assert 10 < sum(getattr(draw, name) for draw in draws) < 54


def statistics(triplets):
    """Means and deviations over triplets of how bright, mirrored, turned and reversed they are."""
    x = torch.stack(triplets)
    left, top = x[..., :8].mean((1, 2, 3, 4)), x[..., :8, :].mean((1, 2, 3, 4))
    figures = [x.mean((1, 2, 3, 4)), left, top, x[:, 0].mean((1, 2, 3)), x[:, :, 0].mean((1, 2, 3))]
    figures.append((x == 0).all(2).float().mean((1, 2, 3)))  # in bars
    return torch.stack([f(figure) for figure in figures for f in (torch.mean, torch.std)])


def test_the_distributions_are_those_of_the_loader(frames):
    count = 600
    frames = [frame // np.uint8(part) for frame, part in zip(frames, (1, 2, 3), strict=True)]
    frames = [np.clip(f + np.arange(16, dtype=np.uint8)[:, None, None] * 4, 0, 250) for f in frames]
    loaded = [tensors(ALL.vary(frames, keyed_rng(1, number))) for number in range(count)]
    img0, gt, img1 = (t.expand(count, -1, -1, -1) for t in tensors(frames))
    batch = {"img0": img0, "gt": gt, "img1": img1, "id": [str(n) for n in range(count)]}
    made = varied(batch, ALL, seed=3)
    moved = list(torch.stack([made[key] for key in ("img0", "gt", "img1")], 1))
    assert statistics(moved).tolist() == pytest.approx(statistics(loaded).tolist(), abs=0.015)


def test_what_a_triplet_gets_depends_on_itself_alone(frames):
    img0, gt, img1 = (t.expand(4, -1, -1, -1) for t in tensors(frames))
    batch = {"img0": img0, "gt": gt, "img1": img1, "id": list("abcd")}
    whole = varied(batch, ALL, epoch=2)
    half = varied({key: value[2:] for key, value in batch.items()}, ALL, epoch=2)
    assert half["img0"].equal(whole["img0"][2:])
    assert not varied(batch, ALL, epoch=3)["img0"].equal(whole["img0"])


def test_the_loader_then_leaves_it_to_the_device(frames):
    augment = dataclasses.replace(ALL, device=True)
    assert augment.vary(frames, keyed_rng(0)) is frames
    with pytest.raises(ValueError, match="augment.device does not go with the source 'rendered'"):
        TrainData("rendered", "photos", augment=augment)
