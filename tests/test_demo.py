"""The demo in the browser: built, served, and equal to torch on real frames."""

import importlib.util
import json
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.helpers.browser import WEBGPU, browser_or_skip, fits, on_a_phone
from tests.helpers.clips import picture
from tests.helpers.paths import ROOT
from tests.helpers.small_media import write_clip
from vfi.checkpoints import load_model
from vfi.files import sha256

MODEL = "rife-nano"


def module():
    """``docs/demo/build.py``, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("demo_build", ROOT / "docs/demo/build.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with one model, and its address."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    demo, folder = module(), tmp_path_factory.mktemp("demo") / "site"
    try:
        demo.build(folder, [MODEL])
    except ValueError as error:
        if "npm" in str(error):
            pytest.skip(str(error))
        raise
    server = demo.server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_runtime_that_is_not_the_one_expected_is_not_kept(tmp_path, monkeypatch):
    demo = module()
    fake = tmp_path / "npm"
    fake.write_text(f'#!/bin/sh\necho other > "$5/{demo.PACKAGE}-{demo.VERSION}.tgz"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(demo.shutil, "which", lambda _: str(fake))
    with pytest.raises(ValueError, match="has another hash than expected"):
        demo.build(tmp_path / "site", [])
    monkeypatch.setattr(demo.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match="npm.* is not installed"):
        demo.build(tmp_path / "site", [])
    with pytest.raises(ValueError, match="rife-fastest is not here as it was released"):
        demo._check("rife-fastest")
    assert [path.name for path in tmp_path.iterdir()] == ["npm"]


def test_real_frames_are_torchs_to_a_level(built, ucf101_root, tmp_path):
    folder, url = built
    about = json.loads((folder / "demo.json").read_text("utf-8"))
    assert all(sha256(folder / name) == digest for name, digest in about["files"].items())
    triplet = sorted(path for path in ucf101_root.iterdir() if path.is_dir())[0]
    files = [triplet / "frame_00.png", triplet / "frame_02.png"]
    images = [np.ascontiguousarray(cv2.imread(str(file))[..., ::-1]) for file in files]
    with torch.inference_mode():
        expected = load_model(MODEL)(*images).astype(int)
    clip = write_clip(
        tmp_path / "clip.webm", [picture(2 * n, 96, 64) for n in range(7)], "libvpx-vp9", 12
    )
    with browser_or_skip() as browser:
        (tab, wrong), asked = on_a_phone(browser), []
        tab.on("request", lambda request: asked.append(request.url))
        tab.set_default_timeout(60_000)
        tab.goto(url)
        tab.locator("#state", has_text="ready").wait_for()
        assert tab.evaluate("crossOriginIsolated")
        tab.set_input_files("#files", [str(file) for file in files])
        tab.locator("#state", has_text="made 1 frame").wait_for()
        assert np.abs(_saved(tab, tmp_path) - expected).max() <= 1
        assert "ms of 256x256" in tab.inner_text("#told")
        assert "SIMD" in tab.inner_text("#told")
        tab.locator("#divider").focus()
        tab.keyboard.press("ArrowRight")
        assert tab.locator("#divider").get_attribute("aria-valuenow") == "52"
        tab.click("#next")
        assert tab.inner_text("#where") == "3 of 3"
        assert np.array_equal(_saved(tab, tmp_path), images[1])
        tab.set_input_files("#files", str(clip))
        tab.locator("#told", has_text="dB, mean").wait_for()
        assert tab.locator("#seek").get_attribute("max") in ("2", "4", "6"), tab.inner_text(
            "#where"
        )
        tab.set_input_files("#files", str(ROOT / "README.md"))
        assert "give two pictures, or one clip" in tab.inner_text("#state")
        assert fits(tab)
        assert {address for address in asked if not address.startswith((url, "blob:"))} == set()
        assert set(wrong) <= {"No available adapters."}  # of WebGPU; said by the browser


def test_a_graphics_device_makes_torchs_frames(built, ucf101_root, tmp_path):
    """WebGPU, imitated by the processor, which is slow: of small frames."""
    _, url = built
    triplet = sorted(path for path in ucf101_root.iterdir() if path.is_dir())[0]
    images, files = [], [tmp_path / "first.png", tmp_path / "second.png"]
    for file, name in zip(files, ("frame_00.png", "frame_02.png"), strict=True):
        part = cv2.imread(str(triplet / name))[96:160, 80:176]
        cv2.imwrite(str(file), part)
        images.append(np.ascontiguousarray(part[..., ::-1]))
    with torch.inference_mode():
        expected = load_model(MODEL)(*images).astype(int)
    with browser_or_skip(*WEBGPU) as browser:
        tab, wrong = on_a_phone(browser)
        tab.set_default_timeout(180_000)
        tab.goto(url)
        tab.locator("#state", has_text="ready").wait_for()
        assert tab.input_value("#device") == "wasm"  # an imitation is offered, not preferred
        if not tab.locator("#device option[value=webgpu]").count():
            pytest.skip("this Chromium imitates no graphics device")
        tab.select_option("#device", "webgpu")
        tab.set_input_files("#files", [str(file) for file in files])
        tab.locator("#state", has_text="made 1 frame").wait_for()
        assert np.abs(_saved(tab, tmp_path) - expected).max() <= 1
        assert "WebGPU" in tab.inner_text("#told")
        assert wrong == []


def _saved(tab, folder: Path) -> np.ndarray:
    """The shown frame, RGB, as it is downloaded."""
    with tab.expect_download() as download:
        tab.click("#save")
    shutil.copy(download.value.path(), folder / "saved.png")
    return cv2.imread(str(folder / "saved.png"))[..., ::-1].astype(int)
