"""The models in ``checkpoints/`` are what their cards say, and do what a viewer expects."""

import pytest
import torch

import vfi
from tests.helpers.paths import CHECKPOINTS
from vfi import measure
from vfi.data import SampleTriplets
from vfi.files import sha256
from vfi.measure import quality as metrics
from vfi.reporting import cards

FOLDER = CHECKPOINTS
CARDS = cards.read(FOLDER)


def test_these_models_are_released():
    earlier = {"rife-tiny-0.1"}
    assert set(CARDS) == {"rife-quality", "rife-fast", "rife-tiny", "rife-nano"} | earlier
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_the_card_is_that_of_the_file(name):
    card, path = CARDS[name], FOLDER / f"{name}.safetensors"
    assert card["sha256"] == sha256(path)
    assert card["bytes"] == path.stat().st_size
    model = vfi.load_model(name)
    assert card["parameters"] == measure.parameters(model.network)
    assert f"SHA-256 `{card['sha256']}`" in (FOLDER / cards.README).read_text()


@pytest.mark.parametrize("name", CARDS)
def test_black_bars_stay_black(name):
    """One level of brightness in them is hardly seen, but is, and costs SSIM dearly."""
    triplet = SampleTriplets()[0]
    img0, img1 = (triplet[key][None].float() / 255 for key in ("img0", "img1"))
    for frame in (img0, img1):
        frame[..., :32, :] = frame[..., -32:, :] = 0
    with torch.inference_mode():
        frame = metrics.quantize(vfi.load_model(name)(img0, img1))
    bars = torch.cat((frame[..., :24, :], frame[..., -24:, :]))
    assert (bars > 0).float().mean() < 0.01
    assert frame[..., 32:-32, :].mean() > 0.1


@pytest.mark.parametrize("name", CARDS)
def test_a_released_model_beats_the_mean_of_both_frames(name):
    model = vfi.load_model(name)
    gains = []
    for index in range(0, 24, 6):
        triplet = SampleTriplets()[index]
        img0, gt, img1 = (triplet[key][None].float() / 255 for key in ("img0", "gt", "img1"))
        with torch.inference_mode():
            frame = metrics.quantize(model(img0, img1))
        gains.append(metrics.psnr(frame, gt) - metrics.psnr((img0 + img1) / 2, gt))
    assert torch.cat(gains).mean() > 1  # dB
