"""What tests of training share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from vfi.data import SampleTriplets
from vfi.stopping import handling


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Two folders of numbered images in which textures slide, one of them for validation."""
    root = tmp_path_factory.mktemp("clips")
    for number, name in enumerate(("learn", "judge")):
        (root / name).mkdir()
        texture = SampleTriplets()[3 + number]["gt"].permute(1, 2, 0).numpy()
        for step in range(12):
            window = texture[4 * step : 4 * step + 96, 3 * step : 3 * step + 96]
            assert cv2.imwrite(str(root / name / f"{step:03d}.png"), np.ascontiguousarray(window))
    (root / "judge.txt").write_text("judge\n")
    return root


@pytest.fixture(autouse=True)
def no_nohup() -> Iterator[None]:
    """Commands that a test starts would inherit from nohup that SIGHUP is ignored."""
    numbers = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    with handling(signal.SIG_DFL, *numbers):
        yield
