import itertools
from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from vfi.video.make.predict import Predictor, Request, _fade, _spans

A, B = torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(0)), torch.zeros(3, 40, 56)


class Local(nn.Module):
    """Blurs the blend over 5x5 pixels, so that a tile's inside does not depend on the rest."""

    def forward(self, img0: Tensor, img1: Tensor, timestep: Tensor, flow_scale: float) -> Tensor:
        mean = (img0 + img1) / 2
        padded = nn.functional.pad(mean, (2, 2, 2, 2), mode="replicate")
        return nn.functional.avg_pool2d(padded, 5, stride=1)


class Recorder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[tuple[int, ...], float]] = []

    def forward(self, img0: Tensor, img1: Tensor, timestep: Tensor, flow_scale: float) -> Tensor:
        self.calls.append((tuple(img0.shape), flow_scale))
        return img0


def test_each_request_gets_its_own_time(blend):
    times = [Fraction(1, 5), Fraction(1, 2), Fraction(2, 3)]
    made = Predictor(blend, batch_size=2)([Request(A, B, time) for time in times])
    for frame, time in zip(made, times, strict=True):
        assert torch.allclose(frame, A * (1 - float(time)), atol=1e-6)
    assert blend.batches == [2, 1]


def test_halving_reuses_what_it_found(halving):
    times = [Fraction(k, 8) for k in range(1, 8)]
    made = Predictor(halving)([Request(A, B, time) for time in times])
    for frame, time in zip(made, times, strict=True):
        assert torch.allclose(frame, A * (1 - float(time)), atol=1e-6)
    assert halving.runs == 7


def test_halving_batches_over_pairs(halving):
    pairs = [(A, B), (B, A), (A, A)]
    Predictor(halving, batch_size=3)([Request(*pair, Fraction(1, 2)) for pair in pairs])
    assert halving.batches == [3]


def test_tiles_join_without_a_seam():
    whole = Predictor(Local())([Request(A, B, Fraction(1, 2))])[0]
    tiled = Predictor(Local(), tile=24, overlap=10)([Request(A, B, Fraction(1, 2))])[0]
    assert torch.allclose(whole, tiled, atol=2e-2)
    inside = slice(0, 8)  # under one tile alone
    assert torch.allclose(whole[:, inside, inside], tiled[:, inside, inside], atol=1e-6)


def test_tiles_bound_what_the_model_sees():
    recorder = Recorder()
    Predictor(recorder, tile=24, overlap=4)([Request(A, B, Fraction(1, 2))])
    assert {shape for shape, _ in recorder.calls} == {(1, 3, 24, 24)}


@pytest.mark.parametrize("size", [25, 40, 56, 100, 1080])
@pytest.mark.parametrize("overlap", [0, 4, 11])
def test_spans_cover_everything(size, overlap):
    spans = _spans(size, 24, overlap)
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(a[1] - b[0] >= overlap for a, b in itertools.pairwise(spans))
    assert all(stop - start == 24 for start, stop in spans)
    assert all((_fade(span, size, overlap) > 0).all() for span in spans)


@pytest.mark.parametrize(
    ("height", "width", "scale", "expected"),
    [(8, 8, None, 1.0), (2160, 3840, None, 0.5), (2160, 3840, 1.0, 1.0), (8, 8, 2.0, 2.0)],
)
def test_flow_scale_follows_the_size(height, width, scale, expected):
    recorder = Recorder()
    frame = torch.zeros(1).expand(3, height, width)
    Predictor(recorder, flow_scale=scale)([Request(frame, frame, Fraction(1, 2))])
    assert recorder.calls[0][1] == expected


def test_results_stay_in_the_cube():
    class Wild(nn.Module):
        def forward(self, img0: Tensor, *_: object, **__: object) -> Tensor:
            return img0 * 5 - 1

    made = Predictor(Wild())([Request(A, B, Fraction(1, 2))])[0]
    assert made.min() >= 0
    assert made.max() <= 1
