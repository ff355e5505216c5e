"""The LightningModules on tiny networks and the sample."""

import lightning
import pytest
import torch
from lightning.pytorch import Callback, Trainer

from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.data.augment import Augment
from vfi.data.module import TripletDataModule
from vfi.data.sources import TrainData
from vfi.models import RIFE, BlockSpec, RefineSpec, variant
from vfi.runtime.ways import EAGER, described
from vfi.training.module import BaselineModule, OptimizerSpec, RIFEModule
from vfi.training.objective import Objective


@pytest.fixture
def tiny(tmp_path) -> str:
    """The path of a small random network of the v4.0 family, its teacher included."""
    spec = variant("rife_v4.0").replace(
        blocks=(BlockSpec.uniform(8, 4), BlockSpec.uniform(8, 1)),
        teacher=BlockSpec.uniform(8, 1),
        refine=RefineSpec.uniform(2),
    )
    lightning.seed_everything(0)
    path = tmp_path / "tiny.safetensors"
    save_network(RIFE(spec), path)
    return str(path)


def trainer(**options) -> Trainer:
    defaults = {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "limit_val_batches": 0,
        "limit_test_batches": 3,
    }
    return Trainer(**defaults | options)


def data(**train) -> TripletDataModule:
    augment = Augment(crop=64, jitter=0.0)
    return TripletDataModule(
        train=TrainData(**{"batch_size": 4, "augment": augment, **train}), num_workers=0
    )


def test_baselines_give_the_first_frame_or_the_mean():
    img0, img1 = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    half = torch.tensor([0.5])
    assert BaselineModule("copy")(img0, img1, half).equal(img0)
    assert BaselineModule("average")(img0, img1, half).equal((img0 + img1) / 2)
    with pytest.raises(ValueError, match="'nearest'.*'copy' or 'average'"):
        BaselineModule("nearest")


def test_training_lowers_the_loss_and_the_checkpoint_tests_the_same(tiny, tmp_path):
    module = RIFEModule(tiny, optimizer=OptimizerSpec(lr=3e-3, warmup=2))
    before = trainer().test(module, data(), verbose=False)[0]
    fit = trainer(max_epochs=4)
    fit.fit(module, data())
    fit.save_checkpoint(tmp_path / "tiny.ckpt")
    after = fit.test(module, data(), verbose=False)[0]
    alone = trainer().test(
        RIFEModule(tiny), data(), ckpt_path=tmp_path / "tiny.ckpt", verbose=False
    )[0]
    assert after == alone
    assert after["test/psnr"] > before["test/psnr"]
    assert load_network(tmp_path / "tiny.ckpt").spec.blocks == module.network.spec.blocks


def test_flow_blocks_learn_at_a_rate_of_their_own(tiny):
    network = RIFEModule(tiny).network
    built = OptimizerSpec(lr=1e-3, warmup=0, flow=0.1).build(network, steps=10)
    rest, flow = built["optimizer"].param_groups
    assert (rest["lr"], flow["lr"]) == pytest.approx((1e-3, 1e-4))
    assert sum(map(len, (rest["params"], flow["params"]))) == len(list(network.parameters()))
    blocks = {id(p) for name, p in network.named_parameters() if name.startswith("block")}
    assert {id(p) for p in flow["params"]} == blocks
    with pytest.raises(ValueError, match="flow is 0"):
        OptimizerSpec(flow=0)


def test_every_term_of_the_objective_reaches_the_network(tiny):
    everything = Objective(1, 1, 1, 1, 1, 1, 1, 1, 1)
    module = RIFEModule(tiny, objective=everything, dense=tiny)
    fit = trainer(max_steps=2)
    fit.fit(module, data())
    logged = {name.removeprefix("loss/") for name in fit.logged_metrics if "loss/" in name}
    assert logged == set(Objective.__dataclass_fields__)
    assert all(p.isfinite().all() for p in module.parameters())
    assert not any("dense" in name for name in module.state_dict())


def test_distillation_without_a_dense_network_is_an_error():
    with pytest.raises(ValueError, match="--model.dense"):
        RIFEModule(objective=Objective(dense_frame=1.0))
    with pytest.raises(ValueError, match="must not be negative.*-1"):
        Objective(laplacian=-1.0)


def test_a_foreign_checkpoint_is_an_error(tiny):
    with pytest.raises(ValueError, match="not written by this project"):
        RIFEModule(tiny).on_load_checkpoint({"state_dict": {}})


def test_a_checkpoint_loads_without_an_argument(tiny, tmp_path):
    module = RIFEModule(tiny, objective=Objective(teacher=1.0))
    fit = trainer(max_steps=1)
    fit.fit(module, data())
    fit.save_checkpoint(tmp_path / "tiny.ckpt")
    loaded = RIFEModule.load_from_checkpoint(tmp_path / "tiny.ckpt")
    assert loaded.network.spec == module.network.spec
    for name, tensor in module.state_dict().items():
        assert loaded.state_dict()[name].equal(tensor)


class Rates(Callback):
    """Keeps the learning rate of each step, and ends an endless run after some."""

    def __init__(self, stop: int | None) -> None:
        self.seen: list[float] = []
        self.stop = stop

    def on_train_batch_start(self, trainer, *_):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])
        trainer.should_stop |= len(self.seen) == self.stop


def run_rates(network: str, stop: int | None, **settings) -> list[float]:
    """The learning rates of a run."""
    rates = Rates(stop)
    module = RIFEModule(network, optimizer=OptimizerSpec(lr=1e-3, warmup=0))
    trainer(callbacks=[rates], **{"limit_train_batches": 4, **settings}).fit(
        module, data(batch_size=1)
    )
    return rates.seen


@pytest.mark.parametrize(
    ("settings", "falls"),
    [
        ({"max_steps": 4, "max_epochs": -1}, True),  # endless but for the steps
        ({"max_epochs": 1}, True),
        ({"max_epochs": -1, "max_time": "00:00:10:00", "max_steps": 3}, True),
        ({"max_epochs": -1, "max_time": "10:00:00:00"}, False),
    ],
)
def test_a_schedule_takes_its_length_from_steps_or_time(tiny, settings, falls):
    # by the clock alone, hardly anything of ten days has passed after three steps
    seen = run_rates(tiny, None if falls else 3, **settings)
    assert all(rate > 0 for rate in seen)
    assert (seen[-1] < 0.9 * seen[0]) == falls


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_steps": 0}, "max_steps is 0.*nothing to train"),
        ({"max_epochs": 0}, "nothing to train"),
        ({"max_epochs": -1}, "nothing says when that is.*--trainer.max_steps.*--trainer.max_time"),
    ],
)
def test_a_run_without_a_length_is_told_which_option_to_give(tiny, settings, words):
    with pytest.raises(ValueError, match=words):
        run_rates(tiny, None, **settings)


def test_a_test_may_run_in_another_runtime(tmp_path):
    pytest.importorskip("openvino")
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), path)
    frames = torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96), torch.tensor([0.5])
    module = RIFEModule(str(path), runtime="openvino", precision="float32").eval()
    with torch.inference_mode():
        plain = module(*frames)
        module.on_test_start()
        assert described(module.running()) == {"runtime": "openvino", "precision": "float32"}
        torch.testing.assert_close(module(*frames), plain, atol=3e-4, rtol=0)
        module.on_test_end()
    assert described(module.running()) == EAGER
    assert next(module.network.parameters()).requires_grad  # fine-tuning may follow
    with pytest.raises(ValueError, match="precision is 'int8'; torch has auto, float32"):
        RIFEModule(str(path), precision="int8")
