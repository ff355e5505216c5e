"""One way to score: the same digits in every job."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from tests.helpers.frames import frames
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.data.module import TripletDataModule
from vfi.data.sources import ValData, open_source
from vfi.measure.protocol import SCORES, score, score_set
from vfi.measure.quality import quantize
from vfi.models import RIFE, Interpolator
from vfi.training.module import RIFEModule


def test_scores_are_of_frames_of_8_bits():
    made, truth = frames(3)
    values = score(made, truth)
    assert list(values) == list(SCORES)
    for name, function in SCORES.items():
        assert values[name].equal(function(quantize(made), truth))
        assert not values[name].equal(function(made, truth))
    assert list(score(made, truth, ("ie",))) == ["ie"]


def test_a_set_is_scored_to_the_digits_of_validation(tmp_path):
    save_network(fill(RIFE(small_spec("rife_v4.0"))), tmp_path / "small.safetensors")
    seen = []
    rows = score_set(
        Interpolator(load_network(tmp_path / "small.safetensors")),
        open_source(ValData("sample")),
        limit=3,
        each=lambda: seen.append(1),
    )
    module = RIFEModule(str(tmp_path / "small.safetensors"))
    trainer = Trainer(
        accelerator="cpu",
        limit_val_batches=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    data = TripletDataModule(val=ValData("sample"), num_workers=0)
    means = trainer.validate(module, data, verbose=False)[0]
    assert len(rows) == len(seen) == 3
    assert len({row["id"] for row in rows}) == 3
    for name in SCORES:
        assert means[f"val/{name}"] == pytest.approx(sum(r[name] for r in rows) / 3, rel=1e-12)


def test_known_answers_on_the_379_ucf101_triplets(ucf101_root: Path):
    """Published beside the benchmark: the first frame as the answer, and the average of both."""

    def average(img0: torch.Tensor, img1: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        # In whole levels: float sums of k / 255 would break the ties of rounding at random.
        return ((img0 + img1) * 255).round() / 510

    dataset = open_source(ValData("ucf101", str(ucf101_root)))
    for model, known in ((lambda img0, *_: img0, 31.27), (average, 33.133)):
        rows = score_set(model, dataset, names=("psnr",))
        assert len(rows) == 379
        mean = sum(row["psnr"] for row in rows) / len(rows)
        assert mean == pytest.approx(known, abs=0.005 if known == 31.27 else 0.001)
