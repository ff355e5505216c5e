"""Wrong options and settings: one line that names the value and what is allowed, at once.

The rows are grouped by where the value enters: options of Lightning's trainer, settings of data,
training and pruning, and the shape of a network.
"""

import json

import pytest
import torch

from tests.helpers.small_networks import small_spec
from vfi.data import Augment, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.loading import most_workers
from vfi.data.module import TripletDataModule
from vfi.models import RIFESpec
from vfi.training.averaging import Averaging
from vfi.training.guard import DivergenceGuard
from vfi.training.objective import Objective
from vfi.training.schedule import OptimizerSpec
from vfi.training.settings import check

NAN, INF = float("nan"), float("inf")
TRAINER = [
    ("fit", "log_every_n_steps", 0),
    ("fit", "log_every_n_steps", -5),
    ("fit", "val_check_interval", 0),
    ("fit", "val_check_interval", -1),
    ("fit", "val_check_interval", NAN),
    ("fit", "accumulate_grad_batches", 0),
    ("fit", "accumulate_grad_batches", -1),
    ("fit", "gradient_clip_val", -1),
    ("fit", "gradient_clip_val", NAN),
    ("fit", "check_val_every_n_epoch", 0),
    ("fit", "max_steps", -2),
    ("fit", "max_epochs", -3),
    ("fit", "num_sanity_val_steps", -2),
    ("fit", "overfit_batches", -1),
    ("fit", "limit_train_batches", 0),
    ("validate", "limit_val_batches", 0),
    ("test", "limit_test_batches", 0),
    ("predict", "limit_predict_batches", 0),
    ("test", "num_nodes", 0),
    ("test", "reload_dataloaders_every_n_epochs", -1),
    ("test", "devices", 0),
    ("test", "devices", -1),
    ("test", "devices", "-1"),
    ("test", "devices", -7),
    ("test", "devices", 100_000),
    ("test", "devices", "100000"),
    ("test", "accelerator", "tpu"),
    ("test", "accelerator", "nonsense"),
    ("test", "precision", "16-true"),
    ("fit", "precision", "bf16-true"),
    ("fit", "precision", "64-true"),
    ("fit", "precision", "64"),
    ("test", "precision", "transformer-engine"),
    ("fit", "default_root_dir", ""),
]


@pytest.mark.parametrize(("command", "name", "value"), TRAINER)
def test_an_option_of_the_trainer(command, name, value):
    with pytest.raises(ValueError, match=rf"trainer\.{name} is ") as told:
        check(command, {"trainer": {name: value}})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed_everything": -1}, "seed_everything is -1; it must be from 0 to"),
        ({"seed_everything": 2**32}, "seed_everything is 4294967296"),
        ({"seed_everything": 10**23}, "seed_everything is 10"),
        ({"trainer": {"strategy": "deepspeed"}}, "Lightning, which needs CUDA.*--trainer.strategy"),
        ({"trainer": {"strategy": "deepspeed_stage_2"}}, "DeepSpeed"),
        ({"trainer": {"strategy": {"class_path": "x.DeepSpeedStrategy"}}}, "DeepSpeed"),
        (
            {"trainer": {"strategy": "deepspeed", "accelerator": "cuda"}},
            "which needs CUDA.*-c strategy/ddp.yaml",
        ),
        ({"trainer": {"accelerator": "cuda"}}, "no CUDA device"),
        ({"trainer": {"accelerator": "gpu"}}, "no CUDA device"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what is asked for")
def test_a_setting_that_cannot_work_here(settings, words):
    with pytest.raises(ValueError, match=words):
        check("fit", settings)


SHARDED = {"strategy": {"class_path": "vfi.training.FullySharded"}}
MASKED = {"class_path": "vfi.training.ChannelPruning", "init_args": {"mode": "mask"}}


@pytest.mark.parametrize(
    ("command", "settings", "words"),
    [
        ("test", {"trainer": SHARDED}, "test does not work under FSDP.*strategy/ddp.yaml"),
        ("fit", {"trainer": {**SHARDED, "callbacks": [MASKED]}}, "mode mask does not work under"),
        ("fit", {"trainer": SHARDED, "ckpt_path": "last"}, "cannot go on from a checkpoint"),
        ("fit", {"trainer": {"strategy": "fsdp"}}, "strategy/fsdp.yaml"),
    ],
)
def test_what_does_not_work_where_parameters_are_shared_out(command, settings, words):
    with pytest.raises(ValueError, match=words):
        check(command, settings)


def test_what_is_right_passes():
    for trainer in (
        {"max_steps": 5, "max_epochs": -1, "val_check_interval": 0.5, "precision": "bf16-mixed"},
        {"devices": 2, "accelerator": "cpu", "strategy": "ddp", "precision": None},
        {"devices": "auto", "accelerator": "auto", "limit_val_batches": 0, "precision": "32-true"},
    ):
        check("fit", {"trainer": trainer, "seed_everything": 0})


SETTINGS = [
    (TrainData, {"batch_size": 0}, "train.batch_size is 0"),
    (TrainData, {"batch_size": -3}, "train.batch_size is -3"),
    (TrainData, {"steps": 0}, "train.steps is 0"),
    (TrainData, {"steps": -1}, "train.steps is -1"),
    (TrainData, {"source": "nothing"}, "train.source is 'nothing'; allowed"),
    (TrainData, {"source": "ucf101"}, "train.source is 'ucf101'; allowed"),
    (TrainData, {"augment": Augment(crop=None)}, "train.augment.crop is null"),
    (TrainData, {"batch_size": 10**9}, "train.batch_size is 1000000000"),
    (TrainData, {"batch_size": 500, "augment": Augment(crop=4096)}, "would be 70 GiB"),
    (Augment, {"crop": 100_000}, "crop is 100000; it must be at most"),
    (ValData, {"batch_size": 0}, "val.batch_size is 0"),
    (ValData, {"source": "davis"}, "val.source is 'davis'; allowed"),
    (ValData, {"per_clip": 0}, "val.per_clip is 0"),
    (ValData, {"per_clip": -1}, "val.per_clip is -1"),
    (ValData, {"size": 0}, "val.size is 0"),
    (ValData, {"size": 10**6}, "val.size is 1000000"),
    (ValData, {"short_side": 0}, "val.short_side is 0"),
    (ValData, {"short_side": -5}, "val.short_side is -5"),
    (ValData, {"strides": ()}, "val.strides"),
    (ValData, {"strides": (0,)}, "val.strides"),
    (ValData, {"strides": (1, -2)}, "val.strides"),
    (StreamSpec, {"stride": 0}, "stride is 0"),
    (StreamSpec, {"stride": (3, 1)}, r"stride is \(3, 1\)"),
    (StreamSpec, {"stride": (0, 2)}, "stride is"),
    (StreamSpec, {"step": 0}, "step is 0"),
    (StreamSpec, {"open_clips": 0}, "open_clips is 0"),
    (StreamSpec, {"shuffle_mib": -1}, "shuffle_mib is -1"),
    (StreamSpec, {"short_side": 0}, "short_side is 0"),
    (StreamSpec, {"open_clips": 10**6}, "open_clips is 1000000"),
    (Augment, {"crop": 0}, "crop"),
    (Augment, {"crop": -64}, "crop"),
    (Augment, {"zoom": 0.5}, "zoom"),
    (Augment, {"zoom": NAN}, "zoom"),
    (Augment, {"zoom": INF}, "zoom"),
    (Augment, {"jitter": -0.1}, "jitter is -0.1"),
    (Augment, {"jitter": 1.0}, "jitter is 1.0"),
    (Augment, {"jitter": NAN}, "jitter is nan"),
    (Augment, {"bars": 1.5}, "bars is 1.5"),
    (Augment, {"bars": NAN}, "bars is nan"),
    (TripletFilter, {"static": -1.0}, "must not be negative"),
    (TripletFilter, {"uneven": -1.0}, "must not be negative"),
    (TripletFilter, {"static": NAN}, "must not be negative"),
    (TripletDataModule, {"batch_size": 0}, "data.batch_size is 0"),
    (TripletDataModule, {"num_workers": -1}, "num_workers is -1"),
    (TripletDataModule, {"num_workers": 100_000}, "num_workers is 100000; it must be from 0 to"),
    (TripletDataModule, {"num_workers": most_workers() + 1}, "num_workers is"),
    (TripletDataModule, {"seed": -1}, "data.seed is -1"),
    (TripletDataModule, {"seed": 10**23}, "data.seed is 10"),
    (TripletDataModule, {"source": "nothing"}, "data.source is 'nothing'"),
    (OptimizerSpec, {"lr": 0.0}, "lr must be positive"),
    (OptimizerSpec, {"lr": -1e-4}, "lr must be positive"),
    (OptimizerSpec, {"lr": NAN}, "optimizer.lr is nan"),
    (OptimizerSpec, {"lr": INF}, "optimizer.lr is inf"),
    (OptimizerSpec, {"weight_decay": -1.0}, "weight_decay"),
    (OptimizerSpec, {"weight_decay": NAN}, "optimizer.weight_decay is nan"),
    (OptimizerSpec, {"warmup": -1}, "warmup"),
    (OptimizerSpec, {"flow": 0.0}, "flow is 0"),
    (OptimizerSpec, {"flow": 2.0}, "flow is 2"),
    (OptimizerSpec, {"steps": 0}, "optimizer.steps is 0"),
    (Objective, {"laplacian": -1.0}, "must not be negative"),
    (Objective, {"laplacian": NAN}, "laplacian"),
    (Objective, {"psnr": INF}, "psnr"),
    (
        Objective,
        {"laplacian": 0.0, "charbonnier": 0.0, "deep": 0.0},
        "all loss weights are 0",
    ),
    (Averaging, {"decay": 1.0}, "decay is 1.0"),
    (Averaging, {"decay": -0.1}, "decay is -0.1"),
    (Averaging, {"decay": NAN}, "decay is nan"),
    (DivergenceGuard, {"factor": 1.0}, "factor is 1.0"),
    (DivergenceGuard, {"factor": NAN}, "factor is nan"),
    (DivergenceGuard, {"window": 0}, "window 0"),
]


@pytest.mark.parametrize(("kind", "options", "words"), SETTINGS)
def test_a_setting(kind, options, words):
    with pytest.raises(ValueError, match=words) as told:
        kind(**options)
    assert "\n" not in str(told.value)


SPEC = small_spec("rife_v4.0").to_dict()


def _with_trunk(value: str) -> dict:
    return json.loads(json.dumps(SPEC).replace('"trunk": 4', f'"trunk": {value}'))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "not a RIFE spec: 'blocks'"),
        ([], "not a RIFE spec"),
        (None, "not a RIFE spec"),
        (SPEC | {"blocks": []}, "needs at least one block; it has none"),
        (SPEC | {"blocks": "text"}, "not a RIFE spec.* not str"),
        (SPEC | {"blocks": [1]}, "not a RIFE spec.* not int"),
        (SPEC | {"blocks": None}, "not a RIFE spec"),
        (SPEC | {"refine": []}, "not a RIFE spec"),
        (SPEC | {"refine": {"context": 1}}, "not a RIFE spec"),
        (SPEC | {"unknown": 1}, "not a RIFE spec.*'unknown'"),
        ({key: value for key, value in SPEC.items() if key != "blocks"}, "spec: 'blocks'"),
        (_with_trunk("true"), "block trunk is True; a channel width must be"),
        (_with_trunk("-4"), "block trunk is -4; a channel width must be"),
        (_with_trunk("4.5"), "block trunk is 4.5; a channel width must be"),
    ],
)
def test_a_shape_that_is_none(data, words):
    with pytest.raises(ValueError, match=words):
        RIFESpec.from_dict(data)
