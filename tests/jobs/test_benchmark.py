"""The job that measures models against each other."""

import json

import pandas as pd
import pytest
import torch

from tests.helpers.pictures import texts
from tests.helpers.small_networks import fill, shallow_spec
from vfi import measure
from vfi.checkpoints import save_network
from vfi.data.sources import ValData
from vfi.jobs import benchmark, benchmark_picture
from vfi.jobs.apart import Apart, Trial
from vfi.jobs.bench import beside_dense
from vfi.jobs.subject import Subject
from vfi.models import RIFE
from vfi.reporting import qualities
from vfi.runtime.ways import Way

SMALL = {"size": ["96x64"], "warmup": 0, "repeats": 2, "threads": [1]}

FOREIGN = """
import torch

class Average(torch.nn.Module):
    def forward(self, img0, img1, timestep):
        return (img0 + img1) / 2

def load(device):
    return Average()
"""


def test_the_job_measures_every_runtime_and_writes_its_results(tmp_path, capsys):
    pytest.importorskip("openvino")
    network = fill(RIFE(shallow_spec(refine=False)), gain=1.0)
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("a", "b")]
    for path in paths:
        save_network(network, path)
    foreign = tmp_path / "average.py"
    foreign.write_text(FOREIGN)
    ways = [f"{paths[1]}@openvino/{bits}" for bits in ("float32", "int8")]
    out, table = tmp_path / "results", tmp_path / "qualities.json"
    benchmark.benchmark(
        [paths[0], *ways, str(foreign)],
        **SMALL,
        data=ValData("sample"),
        limit=1,
        output=str(out),
        qualities=str(table),
    )
    written = json.loads((out / "benchmark.json").read_text())
    assert list(pd.read_csv(out / "benchmark.csv")["model"]) == [paths[0], ways[0], str(foreign)]
    assert {"torch", "PSNR, dB"} <= set(texts(out / "benchmark.svg"))
    assert written["environment"]["packages"]["torch"] == torch.__version__
    assert "vfi quantize" in written["left_out"][ways[1]]
    eager, compiled, other = written["models"]
    for row in (eager, compiled):
        assert row["flops"] == measure.flops(network, 64, 96)
        assert row["peak_memory_mib"] > 50
        assert row["threads"] == 1
        assert row["ready_s"] > 0
    assert (eager["speedup"], eager["psnr_to_eager"], eager["difference"]) == (1, 100, 0)
    assert (compiled["runtime"], compiled["precision"]) == ("openvino", "float32")
    assert compiled["psnr"] == pytest.approx(eager["psnr"], abs=0.01)
    assert 60 < compiled["psnr_to_eager"] <= 100
    assert other["psnr_to_eager"] is None
    kept = qualities.read(table)
    assert {key[1:3] for key in kept} == {("torch", "float32"), ("openvino", "float32")}
    assert kept[qualities.key_of(eager)]["psnr"] == pytest.approx(eager["psnr"])
    shown = capsys.readouterr().out
    assert "96x64 pixels on cpu" in shown
    assert "GFLOPs" in shown


def test_a_process_says_what_it_cannot_do(tmp_path):
    way = Way(str(tmp_path / "nothing.safetensors"))
    with (
        Apart(Trial(way, 64, 96)) as process,
        pytest.raises(ValueError, match="no weights file .*nothing"),
    ):
        process.ask("facts")
    (tmp_path / "broken.py").write_text("import os; os._exit(3)")
    broken = Trial(Way(str(tmp_path / "broken.py")))
    with Apart(broken) as process, pytest.raises(ValueError, match="process ended: status 3"):
        process.once()


def test_frames_lie_as_what_is_timed_reads_them(tmp_path):
    pytest.importorskip("openvino")
    path = str(tmp_path / "network.safetensors")
    save_network(fill(RIFE(shallow_spec(refine=False)), gain=1.0), path)
    layouts = {"torch": torch.channels_last, "openvino": torch.contiguous_format}
    for runtime, layout in layouts.items():
        subject = Subject(Trial(Way(path, runtime, "float32", 1), 64, 96))
        assert all(frame.is_contiguous(memory_format=layout) for frame in subject._frames)


def test_pruning_that_does_not_pay_is_said_to():
    dense = {"name": "dense", "runtime": "torch", "precision": "float32", "flops": 100}
    rows = [
        {**dense, "median_ms": 10.0},
        {**dense, "name": "pruned", "flops": 40, "median_ms": 9.8},
        {**dense, "name": "small", "flops": 20, "median_ms": 5.0},
        {**dense, "name": "small", "runtime": "openvino", "flops": 20, "median_ms": 4.0},
    ]
    rows = beside_dense(rows)
    assert [row["same_runtime"] for row in rows] == [1, pytest.approx(10 / 9.8), 2, None]
    assert rows[0]["note"] is rows[2]["note"] is None
    assert rows[1]["note"].startswith("does not pay: 40% of the operations of dense take 98%")


def test_the_job_names_what_is_wrong_before_it_works(tmp_path):
    with pytest.raises(ValueError, match="different names"):
        benchmark.benchmark(["a", "a"])
    with pytest.raises(ValueError, match="size is '0x4'; give WIDTHxHEIGHT"):
        benchmark.benchmark(["a"], size=["0x4"])
    with pytest.raises(ValueError, match="torch has no precision int8; choose from torch: float32"):
        benchmark.benchmark(["a"], precision=["int8"])
    with pytest.raises(ValueError, match="threads is 0"):
        benchmark.benchmark(["rife_v4.0"], threads=[0])
    with pytest.raises(ValueError, match="give it by --data"):
        benchmark.benchmark(["a"], qualities="q.json")
    with pytest.raises(ValueError, match="cannot use the device 'nonsense'"):
        benchmark.benchmark(["rife_v4.0"], device="nonsense")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write"):
        benchmark.benchmark(["a"], output=str(tmp_path / "file"))


def test_the_picture_looks_up_the_quality_of_exactly_what_was_timed(tmp_path, monkeypatch):
    same = {"width": 64, "height": 64, "batch": 1, "threads": 1, "flow_scale": 1.0}
    scores = {"triplets": 7, "ssim": 0.9, "psnr_to_eager": 40.0, "difference": 0.001}
    rows = [
        {"name": name, "weights": name, "runtime": "torch", "precision": precision}
        | {"fps": 2.0 + place, "speedup": 1.0 + place, **same}
        for place, (name, precision) in enumerate(
            [("a", "float32"), ("b", "float32"), ("b", "int8")]
        )
    ]
    picture = tmp_path / "benchmark.svg"
    monkeypatch.setattr(benchmark_picture, "folder", lambda _: tmp_path)
    benchmark_picture.draw(rows, picture)
    assert "frames a second" in texts(picture)
    known = [row | scores | {"psnr": 30.0 - place} for place, row in enumerate(rows[:2])]
    qualities.add(tmp_path / qualities.FILE, known, {"name": "a set", "sha256": "0"})
    benchmark_picture.draw(rows, picture)
    shown = texts(picture)
    assert "PSNR, dB, mean of 7 held-out triplets" in shown
    assert "times as fast as a in torch" in shown
    assert shown.count("torch") == 2
    assert "torch int8" not in shown, "nobody measured it"
