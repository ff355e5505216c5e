"""The networks compute what the authors' code computes."""

import pytest
import torch

from vfi.models import RIFE, VARIANTS, variant
from vfi.runtime.lean_network import LeanRIFE, unsupported
from vfi.runtime.openvino import OpenVINONetwork

OUTPUT = {"atol": 1e-5, "rtol": 0}
PIXELS = {"atol": 1e-4, "rtol": 0}


def check(network, arrays):
    with torch.inference_mode():
        output = network(arrays["img0"], arrays["img1"], arrays["timestep"].item())
    torch.testing.assert_close(output.frame, arrays["out"], **OUTPUT)
    torch.testing.assert_close(output.masks[-1], arrays["mask"], **OUTPUT)
    torch.testing.assert_close(output.flows[-1], arrays["flow"], **PIXELS)


def check_lean(network, arrays, runtime):
    """The rearranged network, as it is and compiled."""
    frames, timestep = torch.cat((arrays["img0"], arrays["img1"])), arrays["timestep"].reshape(1)
    with torch.inference_mode():
        if runtime == "torch":
            made = LeanRIFE(network, *frames.shape[-2:])(frames, timestep.float())
        else:
            pytest.importorskip("openvino")
            made = OpenVINONetwork(network, "float32", 1)(*frames.split(1), timestep).frame
    torch.testing.assert_close(made, arrays["out"], atol=5e-5, rtol=0)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_tensor_names_and_shapes_are_official(name, keys):
    with torch.device("meta"):
        state = RIFE(variant(name)).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == keys(name)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("rife", "rife_64x96_t0.5"),
        ("rife_m", "rife_m_64x96_t0.5"),
        ("rife_m", "rife_m_64x96_t0.25"),
    ],
)
def test_paper_networks(name, file, procedural, golden):
    check(procedural(name), golden(file))


@pytest.mark.parametrize(
    ("name", "file", "runtime"),
    [
        ("rife", "rife_64x96_t0.5", "torch"),
        ("rife_m", "rife_m_64x96_t0.25", "torch"),
        ("rife_m", "rife_m_64x96_t0.25", "openvino"),
    ],
)
def test_paper_networks_in_the_lean_form(name, file, runtime, procedural, golden):
    check_lean(procedural(name), golden(file), runtime)


def test_training_pass(procedural, golden):
    arrays = golden("rife_64x96_train")
    with torch.inference_mode():
        output = procedural("rife")(arrays["img0"], arrays["img1"], gt=arrays["gt"])
    torch.testing.assert_close(output.frame, arrays["out"], **OUTPUT)
    torch.testing.assert_close(output.teacher_merged, arrays["merged_teacher"], **OUTPUT)
    torch.testing.assert_close(output.teacher_flow, arrays["flow_teacher"], **PIXELS)


@pytest.mark.parametrize("name", ["rife_v4.6", "rife_v4.22-lite", "rife_v4.25", "rife_v4.25-lite"])
@pytest.mark.parametrize("timestep", ["0.5", "0.3"])
def test_later_networks(name, timestep, procedural, golden):
    arrays = golden(f"{name}_128x256_t{timestep}")
    with torch.inference_mode():
        output = procedural(name)(arrays["img0"], arrays["img1"], arrays["timestep"].item())
    torch.testing.assert_close(output.frame, arrays["out"], atol=2e-5, rtol=0)
    assert unsupported(variant(name))  # none of them has a lean form, or they belong below


def official(pretrained, refine):
    network = RIFE(pretrained.spec if refine else pretrained.spec.replace(refine=None)).eval()
    network.load_state_dict(pretrained.state_dict(), strict=refine)
    return network


@pytest.mark.network
@pytest.mark.parametrize("timestep", ["0.5", "0.25"])
@pytest.mark.parametrize("refine", [False, True])
def test_official_weights(timestep, refine, pretrained, golden):
    arrays = golden(f"rife_v4.0_64x96_t{timestep}_refine{int(refine)}")
    check(official(pretrained, refine), arrays)


@pytest.mark.network
@pytest.mark.parametrize(
    ("timestep", "refine", "runtime"),
    [("0.5", False, "torch"), ("0.25", True, "torch"), ("0.25", True, "openvino")],
)
def test_official_weights_in_the_lean_form(timestep, refine, runtime, pretrained, golden):
    arrays = golden(f"rife_v4.0_64x96_t{timestep}_refine{int(refine)}")
    check_lean(official(pretrained, refine), arrays, runtime)


@pytest.mark.network
def test_official_teacher_sees_the_truth(pretrained, frames):
    """Its inputs are in the right order if knowing the answer makes it far better."""
    img0, img1 = frames
    gt = torch.roll(img0, (-1, -1), (2, 3))  # not the frame that the student would guess
    with torch.inference_mode():
        output = pretrained(img0, img1, gt=gt)
    inner = (..., slice(4, -4), slice(4, -4))

    def error(frame):
        return (frame - gt)[inner].square().mean()

    assert error(output.teacher_merged) < error(output.merged[-1]) / 25
