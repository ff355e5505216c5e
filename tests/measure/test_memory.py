"""Peak memory, wherever the system tells it."""

import builtins
from pathlib import Path

import pytest
import torch

from vfi.measure import Conditions, memory


def test_peak_memory_grows_with_what_is_held():
    before = memory.peak_memory_mib()
    held = torch.ones(96 * 2**20 // 4)
    assert memory.peak_memory_mib() >= before
    # The peak is of the whole past: this much at least.
    assert memory.peak_memory_mib() > held.numel() * 4 / 2**20


def test_without_proc_the_system_is_asked(monkeypatch):
    pytest.importorskip("resource")
    told = memory.peak_memory_mib()
    monkeypatch.setattr(memory, "_STATUS", Path("/nowhere/status"))
    assert memory.peak_memory_mib() == pytest.approx(told, rel=0.5)


def test_a_system_that_does_not_tell_is_none(monkeypatch):
    """As where there is neither /proc nor the module resource."""
    plain = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name == "resource":
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setattr(memory, "_STATUS", Path("/nowhere/status"))
    monkeypatch.setattr(builtins, "__import__", blocked)
    assert memory.peak_memory_mib() is None


def test_a_process_that_fails_says_why(tmp_path):
    with pytest.raises(ValueError, match=r"measuring the memory of .*nothing.* at 64x32 failed"):
        memory.peak_memory_of(str(tmp_path / "nothing.pkl"), Conditions(64, 32))
