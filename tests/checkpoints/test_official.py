"""The authors' files are told by their tensors, and what does not fit is named."""

import pytest
import torch

from vfi.checkpoints import load_network
from vfi.models import RIFE, VARIANTS, variant


def official_state(name, teacher=True, prefix="module."):
    """A state dict of official shape that takes no space: every value is the same."""
    spec = variant(name) if teacher else variant(name).for_inference()
    with torch.device("meta"):
        state = RIFE(spec).state_dict()
    value = torch.tensor(0.01)
    return {prefix + key: value.expand(tensor.shape) for key, tensor in state.items()}


@pytest.mark.parametrize("name", sorted(VARIANTS))
@pytest.mark.parametrize("teacher", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_official_files_are_recognised(name, teacher, prefix, tmp_path, caplog):
    caplog.set_level("INFO")
    teacher = teacher and variant(name).teacher is not None
    torch.save(official_state(name, teacher, prefix), tmp_path / "flownet.pkl")
    network = load_network(tmp_path / "flownet.pkl", teacher=teacher)
    assert network.spec == (variant(name) if teacher else variant(name).for_inference())
    assert f"weights of {name}" in caplog.text


def test_parts_that_only_the_authors_train_are_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    state = official_state("rife_v4.25")
    state["module.teacher.conv0.0.0.weight"] = torch.zeros(32, 31, 3, 3)
    state["module.caltime.0.weight"] = torch.zeros(32, 17, 3, 3)
    torch.save(state, tmp_path / "flownet.pkl")
    assert load_network(tmp_path / "flownet.pkl").spec == variant("rife_v4.26")
    assert caplog.messages == ["these are weights of rife_v4.25 or rife_v4.26"]


def test_mixed_files_are_refused_by_the_first_key_that_does_not_fit(tmp_path):
    state, other = (official_state(name, prefix="") for name in ("rife_v4.25", "rife_v4.6"))
    mixed = {key: other[key] if key.startswith("block2.") else state[key] for key in state}
    torch.save(mixed, tmp_path / "flownet.pkl")
    message = r"closest is rife_v4\.25, .* begins with block2\.conv0\.0\.0\.weight has shape"
    with pytest.raises(ValueError, match=message):
        load_network(tmp_path / "flownet.pkl")


def test_older_pickle_format(tmp_path):
    state = official_state("rife_m")
    torch.save(state, tmp_path / "flownet.pkl", _use_new_zipfile_serialization=False)
    assert load_network(tmp_path / "flownet.pkl").spec.variant == "rife_m"


def test_misfits_are_listed_and_capped(tmp_path):
    state = official_state("rife", prefix="")
    state["extra.weight"] = torch.zeros(3)
    state["block0.lastconv.bias"] = torch.zeros(7)
    del state["block2.lastconv.bias"]
    torch.save(state, tmp_path / "flownet.pkl")
    with pytest.raises(ValueError, match="closest is rife, ") as caught:
        load_network(tmp_path / "flownet.pkl")
    message = str(caught.value)
    assert "missing: block2.lastconv.bias" in message
    assert "unexpected: extra.weight" in message
    assert "block0.lastconv.bias has shape (7,) instead of (5,)" in message
    torch.save({f"layer{i}": torch.zeros(1) for i in range(50)}, tmp_path / "other.pkl")
    with pytest.raises(ValueError, match=r"none of .*and [0-9]+ more$") as caught:
        load_network(tmp_path / "other.pkl")
    assert len(str(caught.value)) < 1000


def test_weights_that_are_not_finite(tmp_path):
    state = official_state("rife_v4.0")
    state["module.block1.lastconv.bias"] = torch.full((5,), torch.nan)
    torch.save(state, tmp_path / "nan.pkl")
    with pytest.raises(ValueError, match=r"not finite: block1\.lastconv\.bias"):
        load_network(tmp_path / "nan.pkl")
