"""Weights go out and come back the same, and nothing wrong comes in."""

import copy
import json
import os
import re

import pytest
import safetensors
import safetensors.torch
import torch

import vfi
from vfi.checkpoints import load_model, load_network, save_network
from vfi.models import RIFE, BlockSpec, RefineSpec, variant


@pytest.fixture
def network():
    """A narrow rife_v4.0 with teacher and refine stage."""
    spec = variant("rife_v4.0").replace(
        blocks=(BlockSpec(4, 3, 5, (4, 6)), BlockSpec(1, 2, 7, (8,))),
        teacher=BlockSpec(1, 4, 6, (5,)),
        refine=RefineSpec.uniform(2),
    )
    return RIFE(spec).eval()


def assert_same_state(found, expected):
    assert found.spec == expected.spec
    assert list(found.state_dict()) == list(expected.state_dict())
    for key, tensor in expected.state_dict().items():
        assert torch.equal(found.state_dict()[key], tensor), key


def test_the_same_network_gives_the_same_file(network, tmp_path):
    texts = {name: name for name in "abcdefgh"}  # which safetensors writes in any order
    for place in range(4):
        save_network(network, tmp_path / f"{place}.safetensors", **texts)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_safetensors_round_trip(network, tmp_path):
    path = tmp_path / "new" / "network.safetensors"
    save_network(network, path, name="narrow", licence="MIT", step=3)
    assert_same_state(load_network(path, teacher=True), network)
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert (metadata["name"], metadata["licence"], metadata["step"]) == ("narrow", "MIT", "3")
    assert json.loads(metadata["rife_spec"]) == network.spec.to_dict()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_inference_form_by_default(network, tmp_path):
    save_network(network, tmp_path / "n.safetensors")
    loaded = load_network(str(tmp_path / "n.safetensors"))
    assert not loaded.training
    assert not hasattr(loaded, "block_tea")
    assert loaded.spec == network.spec.for_inference()
    bare = load_network(tmp_path / "n.safetensors", refine=False)
    assert {key.split(".")[0] for key in bare.state_dict()} == {"block0", "block1"}
    frames = torch.rand(2, 1, 3, 32, 32)
    assert torch.equal(bare(*frames).frame, loaded(*frames).merged[-1])


def test_the_way_of_warping_is_saved_and_can_be_asked_for(network, tmp_path):
    save_network(network, tmp_path / "n.safetensors")
    lean = load_network(tmp_path / "n.safetensors", warp_at_scale=True)
    assert lean.spec == network.spec.for_inference().replace(warp_at_scale=True)
    save_network(lean, tmp_path / "lean.safetensors")
    assert load_network(tmp_path / "lean.safetensors").spec == lean.spec
    again = load_network(tmp_path / "lean.safetensors", warp_at_scale=False)
    assert again.spec == network.spec.for_inference()


def test_options_change_how_a_saved_network_runs_and_are_saved(network, tmp_path):
    save_network(network, tmp_path / "n.safetensors")
    options = {"finest_scale": 2, "refine_scale": 2, "warp_at_scale": True}
    half = load_network(tmp_path / "n.safetensors", options=options)
    assert (half.spec.finest_scale, half.spec.refine.scale, half.spec.warp_at_scale) == (2, 2, True)
    save_network(half, tmp_path / "half.safetensors")
    assert load_network(tmp_path / "half.safetensors").spec == half.spec
    whole = load_network(tmp_path / "half.safetensors", options={"finest_scale": 1})
    assert whole.spec == half.spec.replace(finest_scale=1)
    bare = vfi.load_model(tmp_path / "n.safetensors", options={"refine": False})
    assert bare.network.spec.refine is None
    with pytest.raises(ValueError, match="unknown options"):
        load_network(tmp_path / "n.safetensors", options={"colour": "red"})


def test_a_block_can_be_left_out(network, tmp_path):
    blocks = network.spec.blocks
    network = RIFE(network.spec.replace(blocks=(*blocks, blocks[1])))
    save_network(network, tmp_path / "n.safetensors")
    shorter = load_network(tmp_path / "n.safetensors", options={"blocks": (0, 2)})
    assert len(shorter.spec.blocks) == 2
    for name, tensor in shorter.block1.state_dict().items():
        assert tensor.equal(network.block2.state_dict()[name])


def test_asking_for_a_teacher_that_is_not_there(network, tmp_path):
    student = RIFE(network.spec.for_inference())
    save_network(student, tmp_path / "n.safetensors")
    with pytest.raises(ValueError, match="no teacher block"):
        load_network(tmp_path / "n.safetensors", teacher=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_load_as_float32(network, tmp_path, dtype):
    small = copy.deepcopy(network).to(dtype)
    save_network(small, tmp_path / "half.safetensors")
    save_network(network, tmp_path / "full.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.8 * sizes[1]
    loaded = load_network(tmp_path / "half.safetensors", teacher=True)
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert_same_state(loaded, small.float())


def test_loaded_weights_belong_to_the_network(network, tmp_path):
    """Weights can be trained, and neither the file nor the random state is touched."""
    path = tmp_path / "n.safetensors"
    save_network(network, path)
    content = path.read_bytes()
    before = torch.get_rng_state()
    loaded = load_network(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(weight.requires_grad and weight.is_leaf for weight in loaded.parameters())
    with torch.no_grad():
        for weight in loaded.parameters():
            weight.zero_()
    assert path.read_bytes() == content


def test_load_model_takes_any_size(network, tmp_path):
    save_network(network.to(memory_format=torch.channels_last), tmp_path / "n.safetensors")
    model = vfi.load_model(tmp_path / "n.safetensors", device="cpu")
    assert not model.training
    frames = torch.rand(2, 1, 3, 21, 34)
    assert model(*frames, timestep=0.3).shape == (1, 3, 21, 34)


def test_lightning_checkpoint(network, tmp_path):
    state = {f"network.{key}": tensor for key, tensor in network.state_dict().items()}
    state["scores.count"] = torch.zeros(1)
    checkpoint = {"state_dict": state, "rife_spec": network.spec.to_dict(), "epoch": 3}
    torch.save(checkpoint, tmp_path / "last.ckpt")
    assert_same_state(load_network(tmp_path / "last.ckpt", teacher=True), network)
    del checkpoint["rife_spec"]
    torch.save(checkpoint, tmp_path / "foreign.ckpt")
    with pytest.raises(ValueError, match=": it is a checkpoint without rife_spec; this pro"):
        load_network(tmp_path / "foreign.ckpt")


def test_weights_that_are_not_finite_are_not_saved(network, tmp_path):
    network.block0.lastconv.bias.data[0] = torch.inf
    with pytest.raises(ValueError, match=r"not finite: block0\.lastconv\.bias"):
        save_network(network, tmp_path / "inf.safetensors")
    assert not (tmp_path / "inf.safetensors").exists()


class Bomb:
    """What a malicious pickle would hold: unpickled without care, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", [".pkl", ".ckpt", ".safetensors"])
def test_code_in_pickles_is_never_run(tmp_path, suffix):
    torch.save({"weight": torch.zeros(1), "x": Bomb(tmp_path / "ran")}, tmp_path / f"bomb{suffix}")
    with pytest.raises(ValueError, match="which are never run"):
        load_network(tmp_path / f"bomb{suffix}")
    assert not (tmp_path / "ran").exists()


def test_files_that_hold_something_else(tmp_path):
    (tmp_path / "text.pkl").write_text("these are no weights")
    (tmp_path / "empty.safetensors").touch()
    torch.save([torch.zeros(1)], tmp_path / "list.pkl")
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name, message in {
        "text.pkl": "not a weights file",
        "empty.safetensors": "not a weights file",
        "list.pkl": "no state dict but a list",
        "other.safetensors": "s: its metadata has no rife_spec; it was not saved by this project$",
    }.items():
        with pytest.raises(ValueError, match=message) as caught:
            load_network(tmp_path / name)
        assert name in str(caught.value)


@pytest.mark.parametrize("kept", [5, 100, 0.5, 0.99])
def test_truncated_files(network, tmp_path, kept):
    save_network(network, tmp_path / "a.safetensors")
    torch.save(network.state_dict(), tmp_path / "b.pkl")
    for path in (tmp_path / "a.safetensors", tmp_path / "b.pkl"):
        content = path.read_bytes()
        size = kept if isinstance(kept, int) else int(kept * len(content))
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=path.name) as told:
            load_network(path)
        assert re.search(r": (it is|damaged) .+\(\w.+\)$", str(told.value))


def test_a_flipped_bit_is_noticed(network, tmp_path):
    path = tmp_path / "n.safetensors"
    save_network(network, path)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=": its tensors do not match their SHA-256.* get it again$"
    ):
        load_network(path)


def test_a_later_format_is_refused(network, tmp_path):
    path = tmp_path / "n.safetensors"
    save_network(network, path)
    with safetensors.safe_open(path, "pt") as file:
        metadata = {**file.metadata(), "vfi_format": "2"}
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, metadata)
    with pytest.raises(ValueError, match="format version '2'"):
        load_network(path)


@pytest.mark.parametrize("spec", ["{", "[" * 100_000])
def test_a_spec_that_cannot_be_read_is_told(network, tmp_path, spec):
    path = tmp_path / "n.safetensors"
    save_network(network, path)
    with safetensors.safe_open(path, "pt") as file:
        metadata = {**file.metadata(), "rife_spec": spec}
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, metadata)
    with pytest.raises(ValueError, match=r"n\.safetensors: its rife_spec is no JSON"):
        load_network(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.pkl"):
        load_network(tmp_path / "missing.pkl")
    with pytest.raises(FileNotFoundError, match=r"missing\.safetensors"):
        load_model("missing.safetensors")
    with pytest.raises(ValueError, match=r": it is a folder; give .* itself, e\.g\. flownet\.pkl$"):
        load_network(tmp_path)


def test_saving_errors(network, tmp_path):
    with pytest.raises(ValueError, match="it is a folder"):
        save_network(network, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot write"):
        save_network(network, tmp_path / "file" / "n.safetensors")
    with pytest.raises(ValueError, match="rife_spec"):
        save_network(network, tmp_path / "n.safetensors", rife_spec="mine")
    network.add_module("extra", torch.nn.PReLU(1))
    with pytest.raises(ValueError, match=r"unexpected: extra\.weight"):
        save_network(network, tmp_path / "n.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
