"""What one threshold over all channels takes, and how a policy is put on record."""

import torch
import torch.nn.functional as F

from tests.helpers.small_networks import fill, small_spec
from vfi.models import RIFE
from vfi.pruning import L1, ArchitectureAware, GlobalThreshold, Taylor
from vfi.pruning.policy import describe


def test_the_threshold_is_the_least_score_that_stays():
    small = fill(RIFE(small_spec("rife_v4.0")))
    scores = L1(normalize="none")(small)
    every = torch.cat(list(scores.values()))
    for ratio in (0.0, 0.3, 0.99):
        policy = GlobalThreshold(ratio)
        plan = policy.plan(small, scores)
        kept = torch.cat([scores[name][list(left)] for name, left in plan.keep.items()])
        assert policy.threshold(scores) == kept.min()
        assert len(every) - len(kept) == round(ratio * len(every))
    tied = {"a": torch.tensor([2.0, 1.0]), "b": torch.tensor([1.0, 3.0])}
    assert GlobalThreshold(0.75).threshold(tied) == 3.0
    assert GlobalThreshold(0.99).threshold(tied) == 3.0  # where none stays, the highest there is


def test_a_policy_is_described_in_the_types_of_json():
    policy = GlobalThreshold(0.3, L1(normalize="none"))
    importance = {"class": "L1", "normalize": "none"}
    assert describe(policy) == {"class": "GlobalThreshold", "ratio": 0.3, "importance": importance}
    value = {1: (policy, [None, "x"]), "f": F.l1_loss, "g": GlobalThreshold, "h": L1.__call__}
    assert describe(value) == {
        "1": [describe(policy), [None, "x"]],
        "f": "l1_loss",
        "g": "GlobalThreshold",
        "h": "L1.__call__",
    }

    class Callable:
        def __call__(self): ...

    assert describe(Callable()) == "Callable"


def test_settings_are_described_without_addresses():
    assert describe(Taylor()) == {"class": "Taylor", "loss": "l1_loss"}
    assert describe(ArchitectureAware(0.1, protect=("unet",)))["protect"] == ["unet"]
