"""The precision that the machine trains faster in."""

import logging

import pytest
import torch

from vfi.training import AutoPrecision, precision


@pytest.mark.parametrize("lower", [True, False])
def test_autocast_where_it_is_faster(
    lower: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(precision, "prefers_bfloat16", lambda device: lower)
    chosen = AutoPrecision()
    layer, frames = torch.nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 8)
    with caplog.at_level(logging.INFO), chosen.forward_context():
        assert layer(frames).dtype == (torch.bfloat16 if lower else torch.float32)
    assert f"training in {'bfloat16 autocast' if lower else 'float32'}" in caplog.text


def test_a_resumed_run_keeps_its_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "prefers_bfloat16", lambda device: True)
    saved = AutoPrecision().state_dict()
    monkeypatch.setattr(precision, "prefers_bfloat16", lambda device: False)
    resumed, anew = AutoPrecision(), AutoPrecision()
    resumed.load_state_dict(saved)
    assert (resumed.lower, anew.lower) == (True, False)


@pytest.mark.parametrize(
    ("can", "lower"),
    [
        ({"avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"sve_bf16": True}, True),
        ({}, False),
    ],
)
def test_the_processor_decides(
    can: dict[str, bool], lower: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    assert precision.prefers_bfloat16("cpu") is lower
