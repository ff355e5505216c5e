"""The precision that the machine trains faster in."""

import logging

import pytest
import torch

from vfi.training import AutoPrecision, precision


@pytest.mark.parametrize("lower", [True, False])
def test_autocast_where_it_is_faster(
    lower: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(precision, "_prefers_bfloat16", lambda device: lower)
    chosen = AutoPrecision()
    layer, frames = torch.nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 8)
    with caplog.at_level(logging.INFO), chosen.forward_context():
        assert layer(frames).dtype == (torch.bfloat16 if lower else torch.float32)
    assert f"training in {'bfloat16 autocast' if lower else 'float32'}" in caplog.text


def test_a_resumed_run_keeps_its_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_prefers_bfloat16", lambda device: True)
    saved = AutoPrecision().state_dict()
    monkeypatch.setattr(precision, "_prefers_bfloat16", lambda device: False)
    resumed, anew = AutoPrecision(), AutoPrecision()
    resumed.load_state_dict(saved)
    assert (resumed.lower, anew.lower) == (True, False)


def test_measuring_changes_no_draw_and_no_gradient_mode() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert isinstance(precision._prefers_bfloat16("cpu"), bool)
    assert torch.equal(torch.rand(3), expected)
    assert torch.is_grad_enabled()
