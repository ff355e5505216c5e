"""The command that finds the best model, runtime and precision: its search, its choice, its run."""

import dataclasses
import itertools
import json
import logging

import numpy as np
import pytest

from tests.helpers.pictures import texts
from tests.helpers.small_networks import narrow_network
from vfi.checkpoints import load_model, save_network
from vfi.cli import main
from vfi.jobs.selection import UNSEEN_DB, Budget, Candidate, Search, choose
from vfi.reporting import qualities
from vfi.runtime.ways import Way, fingerprint, remembered

MODELS = {"dense": (30.0, 38.0), "half": (14.0, 37.6), "third": (9.0, 37.55), "tenth": (3.0, 35.0)}
"""Milliseconds in torch on all cores, and PSNR."""
FACTORS = {"torch": 1.0, "openvino": 0.5, "onnxruntime": 1.4}
WAYS = [Way(m, r, "float32", flow_scale=1.0) for m, r in itertools.product(MODELS, FACTORS)]
WAYS += [Way("dense", "openvino", "int8", flow_scale=1.0)]


class FakeTimer:
    """A device of known speed; figures are noisy, those of a few calls more so."""

    def __init__(self, seed: int, seconds: float = 1e9) -> None:
        self._random = np.random.default_rng(seed)
        self._left = seconds
        self.calls = 0

    def left(self) -> float:
        return self._left

    def truth(self, way: Way) -> float:
        """Milliseconds: two threads are faster, but not twice; 8 bits nobody scored."""
        threads = {1: 1.7, 2: 1.0}[way.threads or 2]
        return MODELS[way.model][0] * FACTORS[way.runtime] * threads * (0.6 if _int8(way) else 1)

    def alone(self, way: Way) -> Candidate:
        self._left -= 5
        if way.runtime == "onnxruntime" and way.model == "half":
            raise ValueError("half cannot run there")
        psnr = None if _int8(way) else MODELS[way.model][1]
        reason = "quality not measured" if psnr is None else None
        return Candidate(way, self._times(way, 5, 0.05), psnr, reason)

    def together(self, candidates):
        self.calls += 1
        return [dataclasses.replace(c, seconds=self._times(c.way, 15, 0.02)) for c in candidates]

    def _times(self, way: Way, count: int, noise: float) -> tuple[float, ...]:
        return tuple(self.truth(way) / 1e3 * (1 + noise * self._random.random(count)))


def _int8(way: Way) -> bool:
    return way.precision == "int8"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("budget", ["15.5ms", "10ms", "6ms", "2ms", "1.2ms"])
@pytest.mark.parametrize("quality_first", [False, True])
def test_the_choice_is_that_of_an_exhaustive_run(budget, seed, quality_first):
    timer, allowed = FakeTimer(seed), Budget(budget)
    found = Search(timer, allowed).run(WAYS, [2, 1])
    chosen = choose(found, allowed, quality_first)
    every = [dataclasses.replace(w, threads=n) for w in WAYS for n in (1, 2) if not _int8(w)]
    fit = [w for w in every if timer.truth(w) <= allowed.ms * 0.97]
    if not fit:
        assert chosen is None
        return
    best = max(MODELS[w.model][1] for w in fit)
    least = best - (0 if quality_first else UNSEEN_DB)
    fastest = min(timer.truth(w) for w in fit if MODELS[w.model][1] >= least)
    assert chosen.psnr >= least
    assert timer.truth(chosen.way) <= 1.05 * fastest
    assert timer.calls == 1


def test_what_nobody_measured_is_never_chosen_and_what_fails_is_told():
    search = Search(FakeTimer(0), Budget("1000ms"))
    found = search.run(WAYS, [2])
    int8 = next(c for c in found if _int8(c.way))
    assert int8.reason == "quality not measured"
    assert choose([int8], Budget("1000ms")) is None
    assert search.left_out == {
        "half@onnxruntime/float32, 2 threads, flow scale 1": "half cannot run there"
    }


def test_time_ends_the_search():
    search = Search(FakeTimer(0, seconds=40), Budget("20ms"))
    assert len(search.run(WAYS, [2, 1])) == 4  # of 5 seconds each, with a reserve for the last
    assert "no time" in next(iter(search.left_out.values()))


@pytest.mark.parametrize(
    ("text", "ms"), [("20fps", 50), ("30ms", 30), ("realtime", 1000 / 24), ("12.5 fps", 80)]
)
def test_budgets(text, ms):
    assert Budget(text).ms == pytest.approx(ms)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--budget fast", "budget is 'fast'; give frames a second (20fps), milliseconds"),
        ("--budget 0ms", "budget is '0ms'"),
        ("--budget 30ms --size 640", "size is '640'; give WIDTHxHEIGHT in pixels"),
        ("--budget 30ms --size 0x360", "size is '0x360'"),
        ("--budget 30ms --models rife-fats", "no weights named 'rife-fats'"),
        ("--budget 30ms --threads 0", "threads is 0"),
        ("--size 640x360", "--budget is missing"),
    ],
)
def test_wrong_use_takes_one_line(words, message, caplog, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["select", *words.split()]) == 2
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert message in errors[0]


def test_auto_needs_a_choice(caplog, monkeypatch, tmp_path):
    monkeypatch.setenv("VFI_CACHE", str(tmp_path))
    (tmp_path / "a.mp4").write_text("no video")
    assert main(["interpolate", str(tmp_path / "a.mp4"), "-m", "auto"]) == 2
    assert "model auto: nothing was selected on this machine yet; run `vfi select" in caplog.text
    (tmp_path / "selected.json").write_text('{"way": {"model": 3}}')
    with pytest.raises(ValueError, match=r"selected.json is damaged: way.model is 3"):
        remembered()


def test_a_real_run_is_remembered(caplog, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("VFI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("vfi.jobs.select.installed", lambda package: False)  # torch alone
    monkeypatch.setattr("vfi.jobs.select.has_bfloat16", lambda: False)  # on every processor
    model, table = str(tmp_path / "model.safetensors"), tmp_path / "qualities.json"
    save_network(narrow_network(), model)
    row = {
        **{"name": model, "weights": fingerprint(load_model(model)), "runtime": "torch"},
        **{"precision": "float32", "flow_scale": 1.0, "triplets": 1},
        **{"psnr": 30.0, "ssim": 0.9, "psnr_to_eager": 100.0, "difference": 0.0},
    }
    qualities.add(table, [row], {"name": "a set", "sha256": "0"})
    words = f"--budget 1fps --size 96x64 --models {model} --threads 1 --output {tmp_path / 'out'}"
    with caplog.at_level(logging.INFO):
        assert main(["select", *words.split(), "--qualities", str(table)]) == 0
    ways = json.loads((tmp_path / "out/select.json").read_text())["ways"]
    assert [way["verdict"] for way in ways] == ["recommended", "quality not measured"]
    assert [way["flow_scale"] for way in ways] == [1.0, 0.5]
    assert all(way["median_ms"] > 0 for way in ways)
    assert "PSNR, dB" in texts(tmp_path / "out/select.svg")
    assert remembered() == Way(model, "torch", "float32", 1, 1.0)
    assert f"vfi interpolate in.mp4 -m {model} --runtime torch" in caplog.text
    assert "recommended" in capsys.readouterr().out
