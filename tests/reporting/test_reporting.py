"""Reports hold what was measured, in the forms that others read."""

import io
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from vfi import reporting
from vfi.reporting import provenance


@dataclass(frozen=True)
class Point:
    x: float
    where: Path


def shown(rows: list[dict], **options) -> str:
    stream = io.StringIO()
    reporting.table("Results", rows, console=Console(file=stream), **options)
    return stream.getvalue()


def test_environment_says_where_figures_come_from():
    environment = reporting.environment()
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert environment["cpu"]["cores"] >= 1
    assert environment["python"].count(".") == 2
    json.dumps(environment)


def test_environment_never_fails(monkeypatch):
    def fail(*args, **kwargs):
        raise FileNotFoundError("there is no git")

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.setattr(Path, "read_text", fail)
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    environment = reporting.environment()
    assert environment["git"] is None
    assert environment["packages"] == {"no-such-package": None}


def test_environment_tells_a_changed_checkout(monkeypatch, tmp_path):
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    module = tmp_path / "report.py"
    module.write_text("1")
    monkeypatch.setattr(provenance, "__file__", str(module))
    assert reporting.environment()["git"] is None
    git("init", "-q")
    assert reporting.environment()["git"] is None  # in a repository, but not of it
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert reporting.environment()["git"] == {"commit": commit, "dirty": False}
    module.write_text("2")
    assert reporting.environment()["git"] == {"commit": commit, "dirty": True}


def test_json_holds_what_python_science_produces(tmp_path):
    data = {
        "point": Point(1.5, Path("a") / "b"),
        "tensor": torch.tensor([[1, 2]]),
        "array": np.array([0.5, np.nan]),
        "scalars": (np.float32(0.25), np.int64(3), torch.tensor(2.0), True, None),
        "not a number": float("inf"),
        "type": torch.bfloat16,
        "device": torch.device("cpu"),
        4: "é",
    }
    path = tmp_path / "new" / "data.json"
    reporting.write_json(data, path)
    assert "é" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "point": {"x": 1.5, "where": "a/b"},
        "tensor": [[1, 2]],
        "array": [0.5, None],
        "scalars": [0.25, 3, 2.0, True, None],
        "not a number": None,
        "type": "torch.bfloat16",
        "device": "cpu",
        "4": "é",
    }


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "data.json"
    reporting.write_json({"a": 1}, path)
    with pytest.raises(TypeError, match="of type object as JSON"):
        reporting.write_json({"a": object()}, path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_csv_keeps_every_digit(tmp_path):
    rows = [{"id": "a", "psnr": 34.92512345678901}, {"id": "b", "psnr": 1 / 3}]
    reporting.write_csv(rows, tmp_path / "rows.csv")
    reporting.write_csv(pd.DataFrame(rows), tmp_path / "frame.csv")
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "frame.csv").read_bytes()
    read = pd.read_csv(tmp_path / "rows.csv", float_precision="round_trip")
    assert read.to_dict("records") == rows


def test_tables_show_figures_in_their_units():
    rows = [
        {"model": "dense", "psnr": 34.92512, "ssim": 0.96668, "flops": 49634073600, "speedup": 1.0},
        {"model": "small", "psnr": 34.5, "ssim": 0.9, "flops": None, "speedup": 2.204},
    ]
    text = shown(rows, caption="on two triplets")
    for part in ("Results", "PSNR dB", "34.925", "34.500", "0.9667", "GFLOPs", "49.63", "2.20"):
        assert part in text
    assert text.splitlines()[-1] == "on two triplets"
    assert "│      - │" in text


def test_a_single_row_stands_upright_and_unknown_figures_are_shown_as_they_are():
    row = {"model": "dense", "parameters": 8412855, "best_epoch": 12345, "loss": 0.000123456}
    text = shown([{**row, "resumed": True}])
    lines = [line.strip("│ ").split("│") for line in text.splitlines() if "│" in line]
    pairs = {left.strip(): right.strip() for left, right in lines}
    assert pairs == {
        "model": "dense",
        "parameters": "8,412,855",
        "best epoch": "12,345",
        "loss": "0.0001235",
        "resumed": "True",
    }


def test_a_table_needs_rows():
    with pytest.raises(ValueError, match="'Results' has no rows"):
        shown([])
