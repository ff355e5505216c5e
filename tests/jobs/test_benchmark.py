"""The job that measures models against each other."""

import json

import pandas as pd
import pytest
import torch

from tests.helpers.small_networks import narrow_network
from vfi import measure
from vfi.checkpoints import save_network
from vfi.jobs import benchmark


def test_the_job_measures_files_and_writes_its_results(tmp_path, capsys):
    network = narrow_network()
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("a", "b")]
    for path in paths:
        save_network(network, path)
    settings = {"height": 64, "width": 96, "warmup": 0, "repeats": 2, "threads": 1}
    benchmark.benchmark(paths, **settings, output=str(tmp_path / "results"))
    written = json.loads((tmp_path / "results" / "benchmark.json").read_text())
    rows = pd.read_csv(tmp_path / "results" / "benchmark.csv")
    assert [row["model"] for row in written["models"]] == paths == list(rows["model"])
    assert written["environment"]["packages"]["torch"] == torch.__version__
    for row in written["models"]:
        assert row["flops"] == measure.flops(network, 64, 96)
        assert row["peak_memory_mib"] > 50
        assert row["threads"] == 1
    assert written["models"][0]["speedup"] == 1
    shown = capsys.readouterr().out
    assert "96x64 pixels on cpu" in shown
    assert "GFLOPs" in shown


def test_the_job_names_what_is_wrong_before_it_works(tmp_path):
    with pytest.raises(ValueError, match="different names"):
        benchmark.benchmark(["a", "a"])
    with pytest.raises(ValueError, match="width is 0"):
        benchmark.benchmark(["a"], width=0)
    with pytest.raises(ValueError, match="cannot use the device 'nonsense'"):
        benchmark.benchmark(["rife_v4.0"], device="nonsense")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write"):
        benchmark.benchmark(["a"], output=str(tmp_path / "file"))
