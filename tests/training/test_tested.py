"""What was tested is named, so that a figure cannot pass for another's."""

from types import SimpleNamespace

import pytest

from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import save_network
from vfi.files import sha256
from vfi.models import RIFE
from vfi.training import BaselineModule, RIFEModule
from vfi.training import tested as naming


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0"))), path)
    return path


def trainer(checkpoint=None) -> SimpleNamespace:
    return SimpleNamespace(ckpt_path=checkpoint, precision="32-true")


def test_a_file_is_named_with_its_hash_and_shape(file):
    facts = naming.tested(trainer(), RIFEModule(str(file)))
    assert (facts["name"], facts["file"]) == (str(file), str(file))
    assert facts["file_sha256"] == sha256(file)
    assert len(facts["weights_sha256"]) == 64
    assert facts["shape"] == "rife_v4.0, blocks of 4/3/4/3, refine"
    assert facts["refine"] is True
    assert (facts["precision"], facts["runtime"]) == ("32-true", "torch eager, cpu")


def test_what_is_switched_off_is_told(file):
    module = RIFEModule(str(file), refine=False, warp_at_scale=True)
    facts = naming.tested(trainer(), module)
    assert facts["refine"] is False
    assert facts["shape"] == "rife_v4.0, blocks of 4/3/4/3, no refine, warps at scale"
    assert facts["shape"] == naming.in_words(module.network.spec)
    assert (
        facts["weights_sha256"] != naming.tested(trainer(), RIFEModule(str(file)))["weights_sha256"]
    )


def test_the_checkpoint_is_named_not_the_network_that_it_replaced(file, tmp_path):
    checkpoint = tmp_path / "best.ckpt"
    checkpoint.write_bytes(b"weights")
    facts = naming.tested(trainer(checkpoint), RIFEModule(str(file)))
    assert facts["name"] == facts["file"] == str(checkpoint)
    assert facts["file_sha256"] == sha256(checkpoint)


def test_other_weights_have_another_hash(file):
    module = RIFEModule(str(file))
    before = naming.tested(trainer(), module)["weights_sha256"]
    next(module.network.parameters()).data.flatten()[0] += 1
    assert naming.tested(trainer(), module)["weights_sha256"] != before


def test_a_name_has_no_file_and_a_baseline_no_network():
    facts = naming.tested(trainer(), BaselineModule("copy"))
    assert facts["name"] == "copy"
    assert [facts[k] for k in ("file", "file_sha256", "weights_sha256", "shape", "refine")] == [
        None
    ] * 5
    facts = naming.tested(trainer(), RIFEModule("rife-nano"))
    assert (facts["name"], facts["file"], facts["file_sha256"]) == ("rife-nano", None, None)
