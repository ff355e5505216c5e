"""What tests share: where the real data is, and the pretrained network."""

import os
from pathlib import Path

import pytest

from vfi.checkpoints import load_network
from vfi.models import RIFE

os.environ.setdefault("MPLBACKEND", "Agg")


def _data(name: str) -> Path:
    folder = os.environ.get("VFI_DATA")
    if not folder:
        pytest.skip("VFI_DATA, the folder of the real data, is not set")
    path = Path(folder) / name
    if not path.is_dir():
        pytest.skip(f"there is no {path}")
    return path


@pytest.fixture(scope="session")
def ucf101_root() -> Path:
    """The 379 triplets of the UCF-101 interpolation benchmark."""
    return _data("ucf101_interp_ours")


@pytest.fixture(scope="session")
def clips_root() -> Path:
    """A folder of short real clips."""
    return _data("train_clips")


@pytest.fixture(scope="session")
def cases() -> Path:
    """A folder of small videos that are not plain."""
    return _data("cases")


@pytest.fixture(scope="session")
def pretrained_v4() -> RIFE:
    """The official rife_v4.0, shared: tests that change it must copy it first."""
    try:
        return load_network("rife_v4.0")
    except ValueError as error:
        pytest.skip(f"the pretrained weights cannot be had: {error}")
