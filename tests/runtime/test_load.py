"""Models in other runtimes: the frames of torch, one signature, one line for what cannot be had."""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from tests.helpers.frames import frames
from tests.helpers.small_networks import fill, small_spec
from tests.runtime.profile import milliseconds
from vfi.checkpoints import save_network
from vfi.models import RIFE, Interpolator
from vfi.runtime import load
from vfi.runtime.compiled import called_side_by_side
from vfi.runtime.lean_layers import Learnt, Range
from vfi.runtime.load import load_model
from vfi.runtime.openvino import FORM, OpenVINONetwork, the_core
from vfi.runtime.ways import fingerprint

SIZE = (50, 70)  # not a multiple of the stride


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0")), gain=1.0), path)
    return path


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_frames_are_those_of_torch(runtime, weights, cache):
    pytest.importorskip(runtime)
    if runtime == "onnxruntime":
        pytest.importorskip("onnxscript")
    model = load_model(weights, runtime=runtime, precision="float32", threads=1)
    img0, img1 = frames(2, *SIZE)
    times = torch.tensor([0.25, 0.5])
    expected = load_model(weights)(img0, img1, times)
    torch.testing.assert_close(model(img0, img1, times), expected, atol=3e-4, rtol=0)
    arrays = [(x[0].permute(1, 2, 0) * 255).byte().numpy() for x in (img0, img1)]
    made = model(*arrays)
    assert made.dtype == np.uint8
    assert made.shape == (*SIZE, 3)


@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize(
    ("runtime", "near"), [("torch", 0), ("openvino", 1e-6), ("onnxruntime", 1e-6)]
)
def test_work_is_shared_between_pairs_and_times(runtime, near, refine, tmp_path, cache):
    """In torch to the bit; a frame's part is done once, however many frames it serves."""
    if runtime != "torch":
        pytest.importorskip(runtime)
    if runtime == "onnxruntime":
        pytest.importorskip("onnxscript")
    save_network(fill(RIFE(small_spec("rife_v4.0", refine)), gain=1.0), tmp_path / "x.safetensors")
    model = load_model(tmp_path / "x.safetensors", runtime=runtime, precision="float32", threads=1)
    pictures = [frame[None] for frame in frames(3, *SIZE)[0]]
    known = [model.encode(picture) for picture in pictures]
    for k in (0, 1):
        made = model.between(known[k], known[k + 1], (0.25, 0.5))
        for frame, moment in zip(made, (0.25, 0.5), strict=True):
            alone = model(pictures[k], pictures[k + 1], moment)
            torch.testing.assert_close(frame, alone, atol=0 if runtime == "torch" else 1e-6, rtol=0)


@pytest.mark.parametrize("name", ["rife_v4.6", "rife_v4.22-lite"])
def test_later_networks_run_in_openvino_as_they_are(name, tmp_path, cache):
    """One reads nothing of a frame alone, the other has an encoder of frames."""
    pytest.importorskip("openvino")
    path = tmp_path / "later.safetensors"
    save_network(fill(RIFE(small_spec(name)), gain=1.0), path)
    img0, img1 = frames(1, *SIZE)
    for _ in range(2):  # converted, and then kept
        made = load_model(path, runtime="openvino")(img0, img1, 0.25)
        torch.testing.assert_close(made, load_model(path)(img0, img1, 0.25), atol=1e-4, rtol=0)
    kept = [file.name for file in (cache / "openvino").glob("*/*.xml")]
    assert sorted(kept) == ["between.xml", *(["encode.xml"] if name != "rife_v4.6" else [])]
    with pytest.raises(ValueError, match="runs in openvino in float32 alone, not bfloat16: it"):
        load_model(path, runtime="openvino", precision="bfloat16")
    assert isinstance(load_model(path, runtime="auto", precision="bfloat16").network, RIFE)
    for files in (cache / "openvino").glob("*/files.json"):
        files.write_text("{}")  # nothing is whole any more
    made = load_model(path, runtime="openvino")(img0, img1, 0.25)
    torch.testing.assert_close(made, load_model(path)(img0, img1, 0.25), atol=1e-4, rtol=0)


def test_encoded_frames_must_fit_each_other(weights):
    model = load_model(weights)
    small, large = (model.encode(torch.rand(1, 3, side, 64)) for side in (64, 128))
    with pytest.raises(ValueError, match="both must be of one kind and size"):
        model.between(small, large)
    with pytest.raises(ValueError, match="frame has values from"):
        model.encode(torch.full((1, 3, 32, 32), 200.0))
    other = model.encode(torch.rand(1, 3, 64, 64), flow_scale=0.5)
    with pytest.raises(ValueError, match="prepared for flow_scale"):
        model.between(small, other)


def test_converted_networks_are_kept_and_damaged_ones_made_anew(weights, cache, caplog):
    pytest.importorskip("openvino")
    img0, img1 = frames(1, *SIZE)
    expected = load_model(weights, runtime="openvino", precision="float32")(img0, img1)
    kept = list((cache / "openvino").glob("*/between.bin"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    load_model(weights, runtime="openvino", precision="float32")(img0, img1)
    assert kept[0].stat().st_mtime_ns == before
    kept[0].write_bytes(kept[0].read_bytes()[:-100])
    with caplog.at_level(logging.WARNING):
        again = load_model(weights, runtime="openvino", precision="float32")(img0, img1)
    assert "made anew" in caplog.text
    torch.testing.assert_close(again, expected)


SIGNALLED = """
import gc, signal, sys, torch
from vfi.runtime.load import load_model
made = [load_model(sys.argv[1], runtime="openvino", precision="float32") for _ in range(2)]
for model in made:
    model(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 32))
del model
while made:
    del made[0]
    gc.collect()
signal.signal(signal.SIGINT, lambda *_: print("heard"))
signal.raise_signal(signal.SIGINT)
"""


def test_a_signal_after_models_were_freed_is_heard(weights, cache):
    """In the order in which they were made: OpenVINO's own cores leave a freed signal stack."""
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", SIGNALLED, str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores of a thread are unknown")
def test_openvino_for_several_callers_works_in_their_own_threads(weights):
    """On any core: where another thread does the work, both wait for each other to wake."""
    pytest.importorskip("openvino")
    model = load_model(weights, runtime="openvino", precision="float32", threads=2)
    cores, seen, own = os.sched_getaffinity(0), set(), []

    def make():
        start = time.thread_time()
        for _ in range(20):
            model.between(frame, frame)
        own.append(time.thread_time() - start)

    with called_side_by_side(model) as callers:
        frame = model.encode(torch.rand(1, 3, 256, 256))
        model.between(frame, frame)
        start, caller = time.process_time(), threading.Thread(target=make)
        caller.start()
        while caller.is_alive():
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                seen.add(frozenset(os.sched_getaffinity(caller.native_id)))
            time.sleep(1e-3)
    assert callers == 2
    assert own[0] > (time.process_time() - start) / 2
    assert seen == {frozenset(cores)}


def test_the_first_call_of_openvino_is_made_while_others_wait(weights):
    """Two threads in it at once may wait for each other for ever."""
    pytest.importorskip("openvino")
    network = load_model(weights, runtime="openvino", precision="float32").network
    program = network.compiled(64, 96)
    with pytest.MonkeyPatch.context() as patch:
        calls = []
        patch.setattr(
            type(program), "encode", lambda self, frame: calls.append(frame.shape) or (frame,)
        )
        network.compiled(64, 96)
    assert calls == [(1, 3, 64, 96)]


@pytest.mark.parametrize("low", [0.0, -4.0])
def test_openvino_computes_in_eight_bits_what_was_calibrated(low):
    """On processors without VNNI too, where full 8-bit weights would overflow."""
    openvino = pytest.importorskip("openvino")
    conv = nn.Conv2d(64, 8, 3, 1, 1).requires_grad_(False)
    layer = Learnt(conv)
    layer.range = Range(low, 4.0)
    features = 4 * torch.rand(1, 64, 16, 16, generator=torch.Generator().manual_seed(0))
    features = features if low == 0 else 2 * features - 4
    model = openvino.convert_model(layer, example_input=features)
    made = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    frame = torch.from_numpy(made([features.numpy()])[0])
    assert (frame - layer(features)).abs().mean() < 1e-3


@pytest.mark.parametrize(("ranges", "bfloat16", "tried"), [
    (True, True, ["int8", "bfloat16", "float32"]),
    (False, True, ["bfloat16", "float32"]),
    (True, False, ["int8", "float32"]),
    (False, False, ["float32"]),
])  # fmt: skip
def test_auto_tries_the_fastest_precision_first(ranges, bfloat16, tried, tmp_path, monkeypatch):
    monkeypatch.setattr(load, "capabilities", lambda: ("BF16", "FP32", "INT8"))
    monkeypatch.setattr(load, "has_bfloat16", lambda: bfloat16)  # the other only says it can
    source = tmp_path / "weights.safetensors"
    if ranges:
        load.ranges_of(source).write_text("{}")
    assert load._automatic(source) == tried
    assert load._precision("auto", source) == tried[0]


def test_auto_measures_once(weights, cache, monkeypatch):
    pytest.importorskip("openvino")
    steady = load._Outcome(error=0.0, speedup=2.0, spread=1.0)
    monkeypatch.setattr(load, "_measured", lambda *_: steady)
    model = load_model(weights, runtime="auto")
    assert (cache / "runtimes.json").is_file()

    def never(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(load, "_measured", never)
    assert type(load_model(weights, runtime="auto").network) is type(model.network)


def test_auto_remembers_nothing_of_a_busy_machine(cache, caplog):
    busy = load._Outcome.of(0.001, [9.0, 2.0, 4.0, 1.0, 3.0], [1.0] * 5)
    assert (busy.speedup, busy.spread, busy.steady) == (3.0, 2.0, False)
    quiet = load._Outcome.of(0.001, [9.0, 3.0, 3.2, 3.1, 1.0], [1.0] * 5)  # two hiccups
    assert quiet.steady
    assert quiet.speedup == 3.1
    with caplog.at_level(logging.INFO):
        assert load._remembered("key", lambda: busy) == busy
    assert "busy" in caplog.text
    assert load._remembered("key", lambda: quiet) == quiet
    assert load._remembered("key", lambda: busy) == quiet
    file = cache / "runtimes.json"
    file.write_text('{"key": {"error": 0.0, "speedup": 3.0}}')  # as before there was a spread
    assert load._remembered("key", lambda: quiet) == quiet


def test_what_cannot_be_had_takes_one_line(weights, cache, monkeypatch):
    with pytest.raises(ValueError, match="runtime is 'tensorrt'; choose from torch, openvino"):
        load_model(weights, runtime="tensorrt")
    with pytest.raises(ValueError, match="precision is 'int4'; openvino has auto, float32"):
        load_model(weights, runtime="openvino", precision="int4")
    with pytest.raises(ValueError, match="precision is 'int8'; torch has auto, float32"):
        load_model(weights, precision="int8")
    pytest.importorskip("openvino")
    with pytest.raises(ValueError, match="has no 8-bit ranges .*vfi quantize"):
        load_model(weights, runtime="openvino", precision="int8")


def test_a_missing_package_names_its_extra(weights, cache, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(ValueError, match=r"pip install 'vfi-rife\[openvino\]'"):
        load_model(weights, runtime="openvino")


def test_figures_in_8_bits_belong_to_one_lean_form(monkeypatch):
    pytest.importorskip("openvino")
    network = fill(RIFE(small_spec("rife_v4.0")), gain=1.0)
    rounded = Interpolator(OpenVINONetwork(network, "int8", ranges={"layer": Range(0.0, 1.0)}))
    exact = Interpolator(OpenVINONetwork(network, "float32"))
    before = fingerprint(rounded), fingerprint(exact)
    assert before[0] != before[1] == fingerprint(Interpolator(network))
    monkeypatch.setattr("vfi.runtime.ways.FORM", FORM + 1)
    assert fingerprint(rounded) != before[0]
    assert fingerprint(exact) == before[1]


def test_the_profile_adds_up_the_time_of_each_kind():
    pytest.importorskip("openvino")
    try:
        found = milliseconds("rife-nano", "int8", "64x64", threads=1, rounds=1)
    finally:
        the_core().set_property("CPU", {"PERF_COUNT": False})
    assert min(found["convolution in 8 bits"], found["warping"]) > 0
