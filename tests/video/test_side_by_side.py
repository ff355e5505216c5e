"""Frames made by several threads at once are those of one, in their order."""

import cv2
import numpy as np
import pytest

from tests.helpers.frames import frames
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import save_network
from vfi.models import RIFE
from vfi.runtime.load import load_model
from vfi.video import interpolate_video
from vfi.video.write.images import write_image


@pytest.mark.parametrize("multiplier", [2, 4])
def test_a_compiled_network_makes_frames_side_by_side(multiplier, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "cache"))
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), tmp_path / "x.safetensors")
    model = load_model(tmp_path / "x.safetensors", runtime="openvino", precision="float32")
    pictures = [(255 * x).byte().numpy() for x in frames(5, 40, 56)[0]]
    (tmp_path / "in").mkdir()
    for k, (red, green, blue) in enumerate(pictures):
        write_image(tmp_path / "in" / f"{k}.png", [green, blue, red])
    settings = {"multiplier": multiplier, "threads": 2, "still": "off", "cut_threshold": None}
    summary = interpolate_video(tmp_path / "in", tmp_path / "out", model, **settings)
    assert summary.generated == 4 * (multiplier - 1)
    assert model.network.callers == 1
    made = [cv2.imread(str(path))[..., ::-1] for path in sorted((tmp_path / "out").glob("*.png"))]
    for k in range(4 * multiplier):
        pair = [np.moveaxis(picture, 0, 2) for picture in pictures[k // multiplier :][:2]]
        expected = model(*pair, k % multiplier / multiplier) if k % multiplier else pair[0]
        assert np.abs(expected.astype(int) - made[k]).max() <= 1
