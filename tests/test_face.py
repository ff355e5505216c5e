"""What `import vfi` offers, used rightly and wrongly."""

import doctest

import numpy as np
import pytest
import torch

import vfi
from tests.helpers.paths import CHECKPOINTS
from vfi.models import interpolator
from vfi.runtime import load

FRAME = torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(0))
ARRAY = (FRAME[0].permute(1, 2, 0) * 255).round().byte().numpy()


@pytest.fixture(scope="module")
def model() -> vfi.Interpolator:
    return vfi.load_model("rife-tiny")


@pytest.mark.parametrize("module", [load, interpolator])
def test_the_examples_in_docstrings_hold(module):
    results = doctest.testmod(module)
    assert results.attempted > 2
    assert results.failed == 0


def test_everything_that_is_announced_is_there():
    assert set(vfi.__all__) <= set(dir(vfi))
    assert all(getattr(vfi, name) is not None for name in vfi.__all__)
    assert {path.stem for path in CHECKPOINTS.glob("*.safetensors")} <= set(vfi.available_models())
    with pytest.raises(AttributeError, match="no attribute 'load_modle'"):
        _ = vfi.load_modle


def test_a_model_is_ready_for_inference(model):
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.spec is model.network.spec
    assert model.info["card"]["parent"] == "rife_v4.0"
    assert model.info["licence"].startswith("MIT")
    assert model.to("cpu") is model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_tensors_come_back_as_tensors_of_their_kind(model, dtype):
    frame = FRAME.to(dtype)
    made = model(frame, frame.flip(-1), 0.25)
    assert (made.shape, made.dtype, made.requires_grad) == (frame.shape, dtype, False)
    exact = model(frame.float(), frame.float().flip(-1), 0.25)
    assert (made.float() - exact).abs().max() < 0.005


def test_arrays_come_back_as_arrays_with_the_values_of_tensors(model):
    mirrored = ARRAY[:, ::-1].copy()
    one = model(ARRAY, ARRAY[:, ::-1])
    frames = np.stack([ARRAY, ARRAY[::-1]])
    several = model(frames, frames[:, :, ::-1], torch.tensor([0.5, 0.25]))
    assert (one.dtype, one.shape, several.shape) == (np.uint8, (24, 40, 3), (2, 24, 40, 3))
    tensors = [torch.from_numpy(a).permute(2, 0, 1)[None].float() / 255 for a in (ARRAY, mirrored)]
    # convolutions round otherwise where pixels lie in memory otherwise than in arrays
    tensors = [tensor.contiguous(memory_format=torch.channels_last) for tensor in tensors]
    exact = model(*tensors)[0].permute(1, 2, 0).numpy() * 255
    assert np.array_equal(one, exact.round())
    plain = model(*(tensor.contiguous() for tensor in tensors))[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(plain - exact).max() < 1e-2


def test_frames_that_overshoot_a_little_are_taken(model):
    assert model(FRAME * 1.05 - 0.01, FRAME).isfinite().all()


WRONG = [
    ((FRAME * 255, FRAME * 255), "img0 has values from .* to 25.*; divide by 255"),
    ((FRAME, FRAME * 255), "img1 has values from"),
    ((FRAME * 2 - 1, FRAME), r"they must be in \[0, 1\]; use \(x \+ 1\) / 2"),
    ((FRAME - 5, FRAME), "img0 has values from -4.9.* must be in"),
    ((FRAME * torch.nan, FRAME), "img0 holds NaN or infinity"),
    ((FRAME, FRAME / 0), "img1 holds NaN or infinity"),
    ((FRAME, FRAME[..., :30]), "both must be of one kind and size"),
    ((FRAME, FRAME.expand(2, -1, -1, -1)), "both must be of one kind and size"),
    ((FRAME, ARRAY), "both must be of one kind and size"),
    ((FRAME[0], FRAME[0]), r"use x\[None\]"),
    ((FRAME.permute(0, 2, 3, 1),) * 2, r"looks like \(H, W, 3\): use x.movedim"),
    ((FRAME[:, :1],) * 2, r"a tensor must be floats \(B, 3, H, W\)"),
    (((FRAME * 255).byte(),) * 2, r"of uint8; .* use x.float\(\) / 255"),
    ((FRAME[:0],) * 2, "img0 is empty"),
    ((FRAME[..., :0],) * 2, "img0 is empty: .* 24x0 pixels"),
    ((ARRAY / 255, ARRAY), "an array must be uint8 RGB"),
    ((ARRAY[..., 0], ARRAY), "an array must be uint8 RGB"),
    ((ARRAY[..., [0, 1, 2, 2]], ARRAY), "leave out alpha"),
    ((np.moveaxis(ARRAY, -1, 0),) * 2, "use np.moveaxis"),
    (("a.png", "b.png"), "img0 is str; give a torch tensor"),
    ((None, FRAME), "img0 is NoneType"),
    ((FRAME, FRAME, 2), "timestep is 2.*0 is img0, 1 is img1"),
    ((FRAME, FRAME, -0.1), "timestep is -0.1"),
    ((FRAME, FRAME, float("nan")), "timestep is nan"),
    ((FRAME, FRAME, "half"), "timestep is 'half'; it must be a number"),
    ((FRAME, FRAME, None), "timestep is None"),
    ((FRAME, FRAME, torch.tensor([0.1, 0.2])), r"a tensor \(B,\) of 1"),
    ((FRAME, FRAME, torch.tensor([1.5])), "timestep is 1.5"),
    ((FRAME, FRAME, 0.5, 3), "flow_scale is 3; it must be 0.25"),
    ((FRAME, FRAME, 0.5, 0), "flow_scale is 0; it must be 0.25"),
    ((FRAME, FRAME, 0.5, "1"), "flow_scale is '1'; it must be 0.25"),
    ((FRAME, FRAME, 0.5, float("nan")), "flow_scale is nan; it must be 0.25"),
    ((FRAME.to_sparse(),) * 2, r"img0 is torch.sparse_coo; use x.to_dense\(\)"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_a_model_cannot_take_is_refused_by_name(model, given, message):
    with pytest.raises(ValueError, match=message) as refusal:
        model(*given)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rife-fsat",), r"no weights named 'rife-fsat'; known names are"),
        (("rife",), "cannot be fetched automatically"),
        (("no/such.safetensors",), "such.safetensors"),
        (("rife-tiny", "gpu9"), "cannot use the device 'gpu9'"),
        (("rife-tiny", "cpu", None, "torch", "float32", 0), "threads is 0; it must be from 1"),
        (("rife-tiny", "cpu", None, "torch", "float32", "2"), "threads is '2'; it must be from 1"),
    ],
)
def test_what_cannot_be_loaded_is_refused_by_name(arguments, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        vfi.load_model(*arguments)


def test_weights_in_half_are_refused_by_name():
    model = vfi.load_model("rife-tiny").half()
    with pytest.raises(ValueError, match=r"the weights are float16.*model.float\(\)"):
        model(FRAME.half(), FRAME.half())
