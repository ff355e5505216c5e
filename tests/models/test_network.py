"""How the networks behave around what they compute."""

import pytest
import torch
from torch.nn import functional as F

from vfi.models import RIFE, VARIANTS, BlockSpec, Estimate, Interpolator

NAMES = [name for name in sorted(VARIANTS) if VARIANTS[name].stride() <= 32]


@pytest.fixture(autouse=True)
def no_gradients(request):
    if "gradients" in request.node.name:
        yield
    else:
        with torch.inference_mode():
            yield


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (37, 53), (64, 95), (33, 32)])
def test_any_size(name, size, tiny, frames):
    img0, img1 = (frame[..., : size[0], : size[1]] for frame in frames)
    model = Interpolator(tiny(name))
    frame = model(img0, img1)
    assert frame.shape == img0.shape
    assert frame.isfinite().all()
    stride = model.network.spec.stride()
    padding = (0, -size[1] % stride, 0, -size[0] % stride)
    padded = [F.pad(image, padding, mode="replicate") for image in (img0, img1)]
    expected = model.network(*padded).frame[..., : size[0], : size[1]]
    torch.testing.assert_close(frame, expected, atol=0, rtol=0)


def test_fitting_size_is_not_padded(tiny, frames):
    network = tiny("rife_v4.0")
    assert torch.equal(Interpolator(network)(*frames), network(*frames).frame)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_not_changed(name, tiny, frames):
    arguments = [*frames, torch.full((2,), 0.5), frames[0].flip(3)]
    copies = [argument.clone() for argument in arguments]
    tiny(name)(*arguments)
    Interpolator(tiny(name))(*(frame[..., :50, :50] for frame in frames))
    assert all(torch.equal(a, b) for a, b in zip(arguments, copies, strict=True))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warp_at_scale", [False, True])
def test_output_shapes(name, warp_at_scale, tiny, frames):
    network = tiny(name, warp_at_scale=warp_at_scale)
    output = network(*frames, gt=frames[0])
    assert len(output.flows) == len(network.spec.blocks)
    assert {tuple(flow.shape) for flow in output.flows} == {(2, 4, 64, 96)}
    assert {tuple(mask.shape) for mask in output.masks} == {(2, 1, 64, 96)}
    assert {tuple(merged.shape) for merged in output.merged} == {(2, 3, 64, 96)}
    assert output.teacher_flow.shape == (2, 4, 64, 96)
    assert output.teacher_merged.shape == (2, 3, 64, 96)
    assert output.frame.amin() >= 0
    assert output.frame.amax() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_teacher_stays_out_of_inference(name, tiny, frames):
    network = tiny(name)
    alone = RIFE(network.spec.for_inference()).eval()
    alone.load_state_dict(network.state_dict(), strict=False)
    output = network(*frames, gt=frames[0])
    assert torch.equal(output.frame, network(*frames).frame)
    assert torch.equal(output.frame, alone(*frames).frame)
    assert network(*frames).teacher_merged is None
    assert alone(*frames, gt=frames[0]).teacher_flow is None


def test_warping_at_scale_keeps_coarse_estimates_small(tiny, frames):
    output = tiny("rife_v4.0", warp_at_scale=True)(*frames)
    assert [tuple(estimate.flow.shape[-2:]) for estimate in output.kept] == [
        (16, 24),  # what the block of scale 4 reads, and so on
        (32, 48),
        (64, 96),
        (64, 96),
    ]
    assert output.estimates[2:] == output.kept[2:]


@pytest.mark.parametrize("flow_scale", [1.0, 2.0])
def test_warping_at_scale_hardly_changes_the_frame(flow_scale, pretrained, frames):
    """Nor the flows of any block, which are in pixels of the frames either way."""
    spec = pretrained.spec.for_inference().replace(warp_at_scale=True)
    lean = RIFE(spec).eval()
    lean.load_state_dict(pretrained.state_dict(), strict=False)
    expected = pretrained(*frames, flow_scale=flow_scale)
    output = lean(*frames, flow_scale=flow_scale)
    assert not torch.equal(output.flows[1], expected.flows[1])
    for flow, official in zip(output.flows, expected.flows, strict=True):
        assert (flow - official).abs().mean() < 0.1
    assert (output.frame - expected.frame).abs().mean() < 0.003


def test_warping_at_scale_1_is_the_official_way(tiny, frames):
    blocks = tuple(BlockSpec(1, 4, 6, (5,)) for _ in range(3))
    spec = tiny("rife_v4.0").spec.replace(blocks=blocks)
    network, lean = RIFE(spec).eval(), RIFE(spec.replace(warp_at_scale=True)).eval()
    lean.load_state_dict(network.state_dict())
    assert torch.equal(lean(*frames).frame, network(*frames).frame)


def test_without_refine_the_merge_is_the_frame(tiny, frames):
    network = tiny("rife")
    bare = RIFE(network.spec.replace(refine=None)).eval()
    bare.load_state_dict(network.state_dict(), strict=False)
    assert torch.equal(bare(*frames).frame, network(*frames).merged[-1])


def test_a_batch_is_its_pairs_with_their_timesteps(tiny, frames):
    network = tiny("rife_m")
    together = network(*frames, torch.tensor([0.25, 0.75])).frame
    for index, timestep in enumerate((0.25, 0.75)):
        alone = network(*(frame[index : index + 1] for frame in frames), timestep).frame
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-5, rtol=0)


def test_timestep_errors(tiny, frames):
    assert tiny("rife")(*frames, torch.full((2,), 0.5)).frame.isfinite().all()
    for timestep in (0.25, torch.tensor([0.5, 0.25])):
        with pytest.raises(ValueError, match="only makes the middle frame"):
            tiny("rife")(*frames, timestep)
    with pytest.raises(ValueError, match=r"timestep has shape \(3,\)"):
        tiny("rife_m")(*frames, torch.full((3,), 0.5))


@pytest.mark.parametrize("name", NAMES)
def test_frame_errors(name, tiny, frames):
    network = tiny(name)
    img0, img1 = frames
    with pytest.raises(ValueError, match=r"\(2, 3, 64, 64\)"):
        network(img0, img1[..., :64])
    with pytest.raises(ValueError, match=r"\(2, 1, 64, 96\)"):
        network(img0[:, :1], img1[:, :1])
    with pytest.raises(ValueError, match="multiples of"):
        network(img0[..., :50], img1[..., :50])
    with pytest.raises(ValueError, match=r"flow_scale is 0\.3"):
        network(img0, img1, flow_scale=0.3)


@pytest.mark.parametrize("flow_scale", [0.25, 0.5, 2.0])
def test_flow_scale(flow_scale, tiny, frames):
    model = Interpolator(tiny("rife_v4.0"))
    frame = model(*frames, flow_scale=flow_scale)
    assert frame.shape == frames[0].shape
    assert not torch.equal(frame, model(*frames))


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_agrees(name, procedural, frames):
    expected = procedural(name)(*frames)
    last = RIFE(procedural(name).spec).eval()
    last.load_state_dict(procedural(name).state_dict())
    last = last.to(memory_format=torch.channels_last)
    output = last(*(frame.to(memory_format=torch.channels_last) for frame in frames))
    torch.testing.assert_close(output.frame, expected.frame, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_autocast_agrees(name, procedural, frames):
    network = procedural(name)
    expected = network(*frames)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(*frames)
    assert output.flows[-1].dtype == torch.float32
    assert (output.flows[-1] - expected.flows[-1]).abs().mean() < 0.05
    assert (output.frame - expected.frame).abs().mean() < 0.01


def test_bfloat16_knows_corrections_finer_than_a_step_of_8_bit(tiny, frames):
    network = tiny("rife_v4.0")
    network.unet.conv.weight.zero_()
    for correction in (0.3 / 255, -0.3 / 255):
        network.unet.conv.bias.fill_(2 * correction)
        with torch.autocast("cpu", torch.bfloat16):
            output = network(*frames)
        moved = output.frame - output.merged[-1]
        free = (output.frame > 0) & (output.frame < 1)
        torch.testing.assert_close(
            moved[free], torch.full_like(moved[free], correction), atol=1e-5, rtol=0
        )


def test_bfloat16_merges_equal_frames_to_that_frame():
    white, flow = torch.ones(1, 3, 64, 96), torch.zeros(1, 4, 64, 96)
    mask = torch.linspace(-4, 4, 96, dtype=torch.bfloat16).expand(1, 1, 64, 96)
    assert torch.equal(Estimate(flow, mask, white, white).merged, white)


@pytest.mark.parametrize("warp_at_scale", [False, True])
def test_channels_last_convolutions_read_channels_last(warp_at_scale, tiny, frames):
    network = tiny("rife_v4.0", warp_at_scale=warp_at_scale).to(memory_format=torch.channels_last)
    turned = []

    def watch(conv, args):
        if not args[0].is_contiguous(memory_format=torch.channels_last):
            turned.append(conv)

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_pre_hook(watch)
    network(*(frame.to(memory_format=torch.channels_last) for frame in frames))
    assert turned == []


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_weight(name, tiny, frames):
    network = tiny(name)
    output = network(*frames, gt=frames[0])
    (output.frame.mean() + output.teacher_merged.mean()).backward()
    lost = [key for key, weight in network.named_parameters() if weight.grad is None]
    assert lost == []


def test_forward_keeps_no_state(tiny, frames):
    network = tiny("rife")
    before = torch.get_rng_state()
    attributes = {key: set(vars(module)) for key, module in network.named_modules()}
    network(*frames)
    assert torch.equal(torch.get_rng_state(), before)
    assert {key: set(vars(module)) for key, module in network.named_modules()} == attributes
    assert list(network.buffers()) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees(procedural, frames):
    expected = procedural("rife")(*frames).frame
    network = RIFE(procedural("rife").spec).eval()
    network.load_state_dict(procedural("rife").state_dict())
    frame = network.cuda()(*(image.cuda() for image in frames)).frame
    torch.testing.assert_close(frame.cpu(), expected, atol=2e-3, rtol=0)
