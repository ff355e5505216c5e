import copy

import pytest
import torch
from lightning.pytorch import Callback

from tests.helpers.recorder import trainer
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.data.augment import Augment
from vfi.data.module import TripletDataModule
from vfi.data.sources import TrainData
from vfi.models import RIFE
from vfi.pruning import (
    L1,
    ArchitectureAware,
    GlobalThreshold,
    Policy,
    PruningPlan,
    Taylor,
    compact,
)
from vfi.training.module import BaselineModule, RIFEModule
from vfi.training.pruning import ChannelPruning
from vfi.training.schedule import OptimizerSpec

HALF = ArchitectureAware(0.4, L1(), scope="layer", min_channels=1, multiple=1)


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "dense.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0"))), path)
    return RIFEModule(str(path), optimizer=OptimizerSpec(steps=4))


def make_data(**train):
    train = TrainData(batch_size=2, augment=Augment(crop=64), **train)
    return TripletDataModule(train=train, num_workers=0)


def run_test(module, *callbacks, data=None, ckpt=None, **settings):
    """Tests one triplet."""
    quiet = trainer(callbacks=list(callbacks), limit_test_batches=1, **settings)
    quiet.test(module, data or make_data(), ckpt_path=ckpt, verbose=False)


def fit(module, *callbacks, steps, ckpt=None):
    """Trains for some steps of two small crops."""
    quiet = trainer(callbacks=list(callbacks), max_steps=steps, max_epochs=-1, limit_val_batches=0)
    quiet.fit(module, make_data(), ckpt_path=ckpt)
    return quiet


class Seen(Callback):
    """Keeps what a test ran on, and what it put out."""

    def on_test_batch_end(self, trainer, pl_module, outputs, *_):
        self.network = copy.deepcopy(pl_module.network)
        self.frame = outputs["prediction"].clone()


class Expecting(Callback):
    """Stops a test of a network of another shape."""

    def __init__(self, spec):
        self.spec = spec

    def on_test_batch_start(self, trainer, pl_module, *_):
        assert pl_module.network.spec == self.spec


def snapshot(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(before, network):
    after = network.state_dict()
    return before.keys() == after.keys() and all(before[k].equal(after[k]) for k in before)


def dead_channels(network, plan):
    """The largest weight or bias, by hand, of what the plan removes from the first block."""
    conv = network.block0.convblock[0][0]
    removed = list(plan.removed["block0.hidden0"])
    assert removed
    return max(conv.weight[removed].abs().max(), conv.bias[removed].abs().max())


@pytest.mark.parametrize("mode", ["mask", "compact"])
def test_a_test_sees_the_pruned_network_and_gives_the_dense_one_back(module, mode):
    network, before = module.network, snapshot(module.network)
    pruning, seen = ChannelPruning(HALF, mode), Seen()
    run_test(module, pruning, seen)
    assert module.network is network
    assert same(before, network)
    assert pruning.plan.ratio == pytest.approx(0.4, abs=0.05)
    if mode == "compact":
        assert seen.network.spec == pruning.plan.compact_spec
    else:
        assert seen.network.spec == network.spec
        assert dead_channels(seen.network, pruning.plan) == 0


def test_both_modes_score_the_same(module):
    frames = []
    for mode in ("mask", "compact"):
        seen = Seen()
        run_test(module, ChannelPruning(HALF, mode), seen)
        frames.append(seen.frame)
    assert (frames[0] - frames[1]).abs().max() <= 1 / 255 + 1e-6  # a value on the edge may round


def test_the_dense_network_is_back_after_a_test_that_failed(module):
    class Failing(Callback):
        def on_test_batch_start(self, *_):
            raise RuntimeError("in the middle")

    network, before = module.network, snapshot(module.network)
    with pytest.raises(RuntimeError, match="in the middle"):
        run_test(module, ChannelPruning(HALF), Failing())
    assert module.network is network
    assert same(before, network)


def test_the_network_can_be_trained_after_a_test(module):
    run_test(module, ChannelPruning(HALF, "mask"))
    before = snapshot(module.network)
    fit(module, steps=1)
    assert not same(before, module.network)


def test_a_mask_survives_fit(module):
    pruning = ChannelPruning(HALF, "mask")
    before = snapshot(module.network)
    done = fit(module, pruning, steps=20)
    assert done.global_step == 20
    assert not same(before, module.network)
    assert dead_channels(module.network, pruning.plan) == 0
    slim = compact(module.network, pruning.plan)
    frames = torch.rand(2, 1, 3, 32, 32)
    with torch.inference_mode():
        wanted, got = module.network(*frames).frame, slim(*frames).frame
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)


def test_compact_fit_trains_the_narrow_network(module):
    pruning = ChannelPruning(HALF)
    dense = module.network
    done = fit(module, pruning, steps=2)
    assert module.network.spec == pruning.plan.compact_spec != dense.spec
    trained = {id(p) for group in done.optimizers[0].param_groups for p in group["params"]}
    assert trained == {id(p) for p in module.network.parameters()}
    assert pruning.dense is dense
    fitted, seen = module.network, Seen()
    run_test(module, pruning, seen)  # not pruned a second time
    assert seen.network.spec == fitted.spec
    assert module.network is fitted


@pytest.mark.parametrize("mode", ["mask", "compact"])
def test_training_resumes_under_the_same_plan(module, tmp_path, mode):
    path = tmp_path / "last.ckpt"
    pruning = ChannelPruning(HALF, mode)
    done = fit(module, pruning, steps=2)
    done.save_checkpoint(path)

    longer = OptimizerSpec(steps=4)
    other = RIFEModule(module.source, optimizer=longer)
    torch.nn.init.zeros_(other.network.block0.conv0[0][0].weight)  # would lead to another plan
    resumed = ChannelPruning(HALF, mode)
    fit(other, resumed, steps=4, ckpt=path)
    assert resumed.plan == pruning.plan
    assert other.network.spec == module.network.spec
    if mode == "mask":
        assert dead_channels(other.network, pruning.plan) == 0
    assert load_network(path).spec == module.network.spec

    fresh, seen = RIFEModule(module.source), Seen()
    run_test(fresh, ChannelPruning(HALF), seen, ckpt=path)
    assert seen.network.spec == pruning.plan.compact_spec  # the checkpoint's plan, once
    assert same(snapshot(module.network), fresh.network)


def test_a_checkpoint_without_a_plan_cannot_be_resumed_compact(module, tmp_path):
    module.optimizer_spec = OptimizerSpec(steps=2)
    fit(module, steps=1).save_checkpoint(tmp_path / "dense.ckpt")
    with pytest.raises(ValueError, match=r"dense\.ckpt was not trained under this pruning policy"):
        fit(module, ChannelPruning(HALF), steps=2, ckpt=tmp_path / "dense.ckpt")


def test_pruning_a_pruned_network_composes(module):
    first = ArchitectureAware(0.2, L1(), "layer", min_channels=1, multiple=1)(module.network)
    dense, module.network = module.network, compact(module.network, first)
    pruning, seen = ChannelPruning(GlobalThreshold(0.3, L1())), Seen()
    run_test(module, pruning, seen)
    both = compact(dense, first.then(pruning.plan))
    assert both.spec == seen.network.spec
    assert same(snapshot(both), seen.network)


def test_a_stored_plan_of_another_policy_is_left_alone(module, tmp_path):
    path = tmp_path / "last.ckpt"
    fit(module, ChannelPruning(HALF), steps=1).save_checkpoint(path)
    further, seen = ChannelPruning(GlobalThreshold(0.3)), Seen()
    run_test(module, further, seen, ckpt=path)
    assert further.plan.spec == module.network.spec
    assert seen.network.spec == further.plan.compact_spec


class Collecting(Policy):
    """Removes nothing and remembers what it was given."""

    def __call__(self, network, batches=()):
        self.batches = list(batches)
        return PruningPlan(network.spec)


def test_calibration_reads_the_training_set(module):
    policy = Collecting()
    # Another split stands for another set: the sample has none.
    run_test(module, ChannelPruning(policy, calibration=3), data=make_data(split="another"))
    assert len(policy.batches) == 3
    for batch in policy.batches:
        assert batch["img0"].shape == (2, 3, 64, 64)
        assert batch["img0"].dtype == torch.float32
        assert batch["gt"].max() <= 1
        assert not batch["gt"].is_inference()


def test_importances_that_need_batches_get_them(module):
    pruning = ChannelPruning(GlobalThreshold(0.4, Taylor()), calibration=1)
    run_test(module, pruning)
    assert pruning.plan.ratio == pytest.approx(0.4, abs=0.05)


def test_repair_refits_the_compact_network_and_only_for_the_test(module):
    before, seen = snapshot(module.network), Seen()
    pruning = ChannelPruning(HALF, repair=True, calibration=2)
    run_test(module, pruning, seen)
    plain = compact(module.network, pruning.plan)
    assert seen.network.spec == plain.spec
    assert not same(snapshot(plain), seen.network)
    assert same(before, module.network)
    assert pruning.report()["repair"] is True


class OnlyFirstProcess(Policy):
    """Stands for one that measures time, and would plan differently in each process."""

    def __call__(self, network, batches=()):
        if torch.distributed.get_rank():
            raise RuntimeError("the first process plans for all")
        return HALF(network)


def test_processes_share_one_plan(module):
    # Each process stops the test unless its network is the pruned one.
    pruning = ChannelPruning(OnlyFirstProcess(), repair=True, calibration=1)
    wanted = HALF(module.network).compact_spec
    run_test(module, pruning, Expecting(wanted), strategy="ddp_fork", devices=2)


def test_the_report_says_how_and_that_masks_give_no_speed(module):
    reports = {}
    for mode in ("mask", "compact"):
        pruning = ChannelPruning(HALF, mode)
        assert pruning.report() == {}
        run_test(module, pruning)
        reports[mode] = pruning.report()
    report = reports["mask"]
    assert report["policy"]["class"] == "ArchitectureAware"
    assert report["policy"]["importance"] == {"class": "L1", "normalize": "layer"}
    assert report["parameters"]["compact"] < report["parameters"]["dense"]
    assert "slow as the dense" in report["note"]
    assert "note" not in reports["compact"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChannelPruning(HALF, "soft"), "mode is 'soft'; it must be one of mask, compact"),
        (lambda: ChannelPruning(HALF, "mask", repair=True), "repair works on compact networks"),
        (lambda: ChannelPruning(HALF, calibration=0), "calibration is 0 batches"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_module_without_a_network_is_refused():
    with pytest.raises(ValueError, match="BaselineModule has no network to prune"):
        run_test(BaselineModule(), ChannelPruning(HALF))
