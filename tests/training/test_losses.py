"""Losses against the authors' values, a plain re-implementation, and known answers."""

import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.helpers.paths import GOLDEN
from vfi.models import RIFE, variant
from vfi.training import losses

TRAIN_GOLDEN = GOLDEN / "rife_64x96_train.npz"


def plain_laplacian_loss(pred: Tensor, target: Tensor, levels: int) -> Tensor:
    """By the book: two pyramids, a full blur, zeros inserted, sizes even."""
    row = torch.tensor([1.0, 4, 6, 4, 1])
    kernel = (torch.outer(row, row) / 256).repeat(pred.shape[1], 1, 1, 1)

    def blur(x: Tensor, gain: float = 1) -> Tensor:
        return F.conv2d(F.pad(x, (2,) * 4, mode="reflect"), kernel * gain, groups=x.shape[1])

    def pyramid(x: Tensor) -> list[Tensor]:
        bands = []
        for _ in range(levels):
            low = blur(x)[..., ::2, ::2]
            spread = torch.zeros_like(x)
            spread[..., ::2, ::2] = low
            bands.append(x - blur(spread, 4))
            x = low
        return bands

    bands = zip(pyramid(pred), pyramid(target), strict=True)
    return sum(F.l1_loss(p, t) for p, t in bands)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def output(frame: Tensor, flows: list[Tensor], merged: list[Tensor], **teacher: Tensor):
    """The parts of a network's output that losses read."""
    teacher = {"teacher_flow": None, "teacher_merged": None} | teacher
    return SimpleNamespace(frame=frame, flows=flows, merged=merged, **teacher)


def test_laplacian_loss_gives_the_authors_value():
    golden = np.load(TRAIN_GOLDEN)
    out, gt = torch.from_numpy(golden["out"]), torch.from_numpy(golden["gt"]).float() / 255
    value = losses.laplacian_loss(out, gt, levels=5).item()
    assert value == pytest.approx(golden["laplacian_loss"].item(), rel=1e-6)


@pytest.mark.parametrize(("size", "levels"), [((64, 96), 5), ((16, 24), 3), ((8, 6), 1)])
def test_laplacian_loss_and_its_gradient_are_those_of_two_full_pyramids(size, levels: int):
    pred, target = random(2, 3, *size, seed=1).requires_grad_(), random(2, 3, *size, seed=2)
    expected = plain_laplacian_loss(pred, target, levels)
    (expected_gradient,) = torch.autograd.grad(expected, pred)
    value = losses.laplacian_loss(pred, target, levels)
    (gradient,) = torch.autograd.grad(value, pred)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_laplacian_loss_of_odd_sizes_equal_frames_and_offsets():
    pred = random(1, 3, 35, 47)
    assert losses.laplacian_loss(pred, pred).item() == 0
    assert losses.laplacian_loss(pred, pred + 0.25).item() == pytest.approx(0, abs=1e-6)
    assert losses.laplacian_loss(pred, pred.flip(3)).item() > 0.1


def test_laplacian_loss_names_sizes_and_levels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"above 32, got \(1, 3, 32, 64\)"):
        losses.laplacian_loss(torch.zeros(1, 3, 32, 64), torch.zeros(1, 3, 32, 64))
    losses.laplacian_loss(torch.zeros(1, 3, 33, 64), torch.zeros(1, 3, 33, 64))
    with pytest.raises(ValueError, match="at least 1 level"):
        losses.laplacian_loss(torch.zeros(1, 3, 32, 64), torch.zeros(1, 3, 32, 64), levels=0)
    with pytest.raises(ValueError, match=r"\(1, 3, 64, 64\) and \(1, 1, 64, 64\)"):
        losses.laplacian_loss(torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64))


def test_losses_keep_float32_under_autocast():
    pred, target = random(1, 3, 64, 64, seed=1), random(1, 3, 64, 64, seed=2)
    expected = [losses.laplacian_loss(pred, target), losses.charbonnier_loss(pred, target)]
    with torch.autocast("cpu", torch.bfloat16):
        actual = [losses.laplacian_loss(pred, target), losses.charbonnier_loss(pred, target)]
        half = losses.laplacian_loss(pred.bfloat16(), target)
    assert actual == expected
    assert half.dtype == torch.float32


def test_charbonnier_loss_of_known_differences_is_smooth_at_zero():
    pred = torch.tensor([0.0, 3.0], requires_grad=True)
    loss = losses.charbonnier_loss(pred, torch.zeros(2), epsilon=4.0)
    loss.backward()
    assert loss.item() == pytest.approx((4 + 5) / 2)
    torch.testing.assert_close(pred.grad, torch.tensor([0.0, 3 / 5 / 2]))


def test_psnr_loss_is_the_figure_up_to_a_constant_image_by_image():
    target = torch.full((2, 3, 8, 8), 0.5)
    pred = target + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)  # 20 and 40 dB
    assert losses.psnr_loss(pred, target, epsilon=1e-9).item() == pytest.approx(90 - 30, abs=1e-3)
    assert losses.psnr_loss(target, target).item() == 0
    pred.requires_grad_()
    losses.psnr_loss(pred, target).backward()
    bad, good = pred.grad.flatten(1).abs().mean(1)
    assert good > 4 * bad  # the better image pulls more


def test_privileged_distillation_counts_pixels_where_the_teacher_is_better():
    gt = torch.zeros(1, 3, 2, 2)
    teacher_merged = torch.full_like(gt, 0.1)
    close, worse = torch.full_like(gt, 0.105), torch.full_like(gt, 0.1)
    worse[..., 0, :] = 0.2  # half of the pixels
    zero, teacher_flow = torch.zeros(1, 4, 2, 2), torch.full((1, 4, 2, 2), 3.0)
    flows = [zero.clone().requires_grad_() for _ in range(2)]
    teacher_flow.requires_grad_()
    result = output(
        gt, flows, [close, worse], teacher_flow=teacher_flow, teacher_merged=teacher_merged
    )
    loss = losses.privileged_distillation(result, gt)
    loss.backward()
    assert loss.item() == pytest.approx(3.0 * 0.5)
    assert teacher_flow.grad is None
    assert flows[0].grad.abs().max() == 0
    assert (flows[1].grad[:, :, 0] < 0).all()
    assert (flows[1].grad[:, :, 1] == 0).all()


def test_privileged_distillation_gives_the_authors_value():
    """On the paper's network, with weights drawn from the names of the tensors."""
    network = RIFE(variant("rife"))
    for name, tensor in network.state_dict().items():
        draw = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        values = torch.from_numpy(draw.standard_normal(tuple(tensor.shape))).float()
        if tensor.ndim == 4:
            tensor.copy_(values * 0.5 * (2 / tensor[0].numel()) ** 0.5)
        elif name.endswith(".bias"):
            tensor.copy_(values * 0.01)
        else:
            tensor.fill_(0.25)
    golden = np.load(TRAIN_GOLDEN)
    img0, img1, gt = (torch.from_numpy(golden[k]).float() / 255 for k in ("img0", "img1", "gt"))
    with torch.inference_mode():
        result = network.eval()(img0, img1, gt=gt)
        value = losses.privileged_distillation(result, gt).item()
        lap = losses.laplacian_loss(result.frame, gt).item()
    assert value == pytest.approx(golden["loss_distill"].item(), rel=1e-4)
    assert lap == pytest.approx(golden["laplacian_loss"].item(), rel=1e-5)


def test_distillation_gradients_are_finite_where_student_and_teacher_agree():
    gt = torch.zeros(1, 3, 4, 4)
    flow = torch.ones(1, 4, 4, 4, requires_grad=True)
    merged = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    teacher = {"teacher_flow": flow.detach().clone(), "teacher_merged": gt}
    student = output(merged, [flow], [merged], **teacher)
    dense = output(merged.detach(), [flow.detach()], [gt])
    terms = losses.dense_distillation(student, dense, gt)
    (losses.privileged_distillation(student, gt) + sum(terms.values())).backward()
    assert flow.grad.abs().max() == 0
    assert merged.grad.isfinite().all()


def test_privileged_distillation_without_a_teacher_is_an_error():
    gt = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ValueError, match="no teacher"):
        losses.privileged_distillation(output(gt, [gt], [gt]), gt)


def test_dense_distillation_terms_have_known_values():
    gt = torch.zeros(1, 3, 2, 2)
    still = torch.zeros(1, 4, 2, 2)
    moved = torch.tensor([3.0, 4.0, 0.0, 0.0]).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    merged = [torch.full_like(gt, v) for v in (0.5, 0.1)]
    taught = [torch.full_like(gt, v).requires_grad_() for v in (0.2, 0.3)]
    student = output(torch.full_like(gt, 0.25), [still, still], merged)
    teacher = output(torch.zeros_like(gt), [moved, moved], taught)
    terms = losses.dense_distillation(student, teacher, gt)
    assert terms["frame"].item() == pytest.approx(0.25)
    assert terms["merged"].item() == pytest.approx((0.3 + 0.2) / 2)
    # The first block's teacher is right, the second's is not; 5 px one way and 0 the other.
    assert terms["flow"].item() == pytest.approx(2.5 / 2)
    assert not any(term.requires_grad for term in terms.values())
    assert losses.dense_distillation(student, teacher, gt, margin=0.4)["flow"].item() == 0


def test_dense_distillation_needs_as_many_blocks():
    gt = torch.zeros(1, 3, 2, 2)
    with pytest.raises(ValueError, match="student has 1 blocks and the teacher 2"):
        losses.dense_distillation(output(gt, [gt], [gt]), output(gt, [gt] * 2, [gt] * 2), gt)
