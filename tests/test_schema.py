"""Records are checked on reading: a damaged one is told by its file and field."""

import copy
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.paths import CHECKPOINTS, CONFIGS
from tests.helpers.small_networks import small_spec
from vfi.jobs import release
from vfi.jobs.sweep import records
from vfi.measure.protocol import SCORES
from vfi.pruning import PruningPlan
from vfi.reporting import cards
from vfi.reporting.runs import read_run
from vfi.schema import check_record, read_record

RUN: dict[str, Any] = {
    "command": ["vfi", "fit"],
    "config": {"model": {}, "data": {"train": {}, "val": {}}, "trainer": {}},
    "network": "rife_v4.0",
    "pruning": None,
    "train": {"name": "clips", "kind": "video", "count": 3, "sha256": "0" * 64},
    "validation": {"source": "video", "strides": [1, 2]},
    "environment": {},
    "resumed": [{"step": 4, "command": ["vfi"], "changes": {}}],
}
POINT: dict[str, Any] = {
    "fingerprint": "f",
    "series": "aware",
    "level": 0.3,
    "variant": "compact",
    "policy": {"class": "x"},
    "plan": {"ratio": 0.3, "widths": {"a": 8}, "emptied": [], "protected": {}},
    "scores": {"id": ["1"], **{name: [1.0] for name in SCORES}},
    "costs": {"parameters": 5, "flops": 6},
    "latency": {
        **{"median_ms": 1.0, "dense_median_ms": 2.0, "fps": 3.0, "speedup": 2.0},
        **{"height": 4, "width": 5, "device": "cpu"},
    },
}


@pytest.mark.parametrize(
    ("data", "schema", "words"),
    [
        (True, int, "the whole is true instead of a whole number"),
        (1, float, None),
        (1.5, int, r"the whole is 1\.5 instead of a whole number"),
        ([], {"a": int}, r"the whole is \[\] instead of an object"),
        ({}, {"a": int}, "the whole has no 'a'"),
        ({}, {"a?": int}, None),
        ({"a": {"b": "x"}}, {"a": {"b": float}}, 'a.b is "x" instead of a number'),
        ({"a": [1, "x"]}, {"a": [int]}, r'a\[1\] is "x" instead of a whole number'),
        ({"a": 1}, {str: (str, None)}, "a is 1 instead of text or null"),
        ({"a": None}, {str: (str, None)}, None),
        ({"a": {"b": 1, "c": 2}}, {"a": ({"b": int}, None)}, None),
        ({"a": {"b": "x"}}, {"a": ({"b": int}, None)}, r'a\.b is "x" instead of a whole number'),
        ({"a": {"b": 1}}, {str: {str: str}}, r"a\.b is 1 instead of text"),
        ("x" * 38, int, f'the whole is "{"x" * 38}" instead of a whole number'),
        ("x" * 39, int, rf'the whole is "{"x" * 36}\.\.\. instead of a whole number'),
    ],
)
def test_the_first_field_that_does_not_fit_is_named(data, schema, words):
    if words is None:
        check_record(data, schema)
    else:
        with pytest.raises(ValueError, match=f"^{words}$"):
            check_record(data, schema)


def _damaged(record: dict[str, Any], seed: int) -> Iterator[tuple[str, Any]]:
    """Copies of a record with one field replaced by something else, or left out."""
    draw = random.Random(seed)
    for name in record:
        broken = copy.deepcopy(record)
        old = record[name]
        others = [v for v in (True, "text", [], {}, None) if type(v) is not type(old)]
        broken[name] = draw.choice(others)
        yield name, broken
        yield name, {key: value for key, value in record.items() if key != name}


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, "\x00", '"text"'])
def test_what_is_no_record_at_all_is_told_by_its_file(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        read_run(path)
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "models.json").write_text(text)
    with pytest.raises(ValueError, match=r"models\.json is damaged"):
        cards.read(folder)
    assert records.kept(path, "f") is None
    with pytest.raises(ValueError, match="not a pruning plan"):
        PruningPlan.from_json(text)


def test_every_field_of_a_run_is_checked(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(RUN))
    assert read_run(path) == RUN
    for name, broken in _damaged(RUN, 0):
        if (name == "resumed" and name not in broken) or (
            name == "pruning" and broken.get(name) == {}
        ):
            continue
        path.write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=rf"run\.json is damaged: .*{name}"):
            read_run(path)


def test_a_damaged_point_of_a_sweep_is_made_anew(tmp_path, caplog):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(POINT))
    assert records.kept(path, "f") == POINT
    assert records.kept(path, "other") is None
    for name, broken in _damaged(POINT, 1):
        if name == "policy" and name in broken:
            continue
        path.write_text(json.dumps(broken))
        caplog.clear()
        assert records.kept(path, "f") is None
        assert name in caplog.text
    path.write_text(json.dumps(POINT | {"scores": POINT["scores"] | {"psnr": [1.0, 2.0]}}))
    assert records.kept(path, "f") is None


def test_the_shipped_records_fit_their_schemas(tmp_path):
    known = cards.read(CHECKPOINTS)
    assert known
    for name in known:
        assert cards.ancestry(name, known)[-1] == name
    for path in CONFIGS.rglob("plans/*.json"):
        PruningPlan.from_json(path.read_text())
    for name, broken in _damaged(next(iter(known.values())), 2):
        if name in ("parent", "licence", "macs", "weights_mib") and name in broken:
            continue
        if name in ("macs", "weights_mib"):
            continue
        (tmp_path / "models.json").write_text(json.dumps({"mine": broken}))
        with pytest.raises(ValueError, match=rf"models\.json is damaged: .*{name}"):
            cards.read(tmp_path)


def test_a_model_that_is_its_own_parent_is_no_endless_walk(tmp_path):
    known = cards.read(CHECKPOINTS)
    card = copy.deepcopy(next(iter(known.values())))
    card["made"][0]["network"] = "mine"
    (tmp_path / "models.json").write_text(json.dumps({"mine": card}))
    with pytest.raises(ValueError, match="mine was made from mine"):
        cards.read(tmp_path)


def test_a_run_that_starts_from_itself_is_no_endless_walk(tmp_path):
    checkpoint = tmp_path / "checkpoints/best.ckpt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"")
    record = RUN | {"network": str(checkpoint)}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="made from itself"):
        release._history(record, checkpoint)


def test_a_stray_record_in_the_current_folder_is_not_the_networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.json").write_text(json.dumps(RUN))
    assert release._history(RUN, Path("best.ckpt")) == [(RUN, Path("best.ckpt"))]


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ({"block0.trunk": [True, 2]}, "instead of a whole number"),
        ([], "keep is \\[\\] instead of an object"),
        ({"block0.trunk": {"0": 1}}, "instead of a list"),
        ({"nothing": [0]}, "nothing"),
    ],
)
def test_plans_of_other_types_are_none(keep, words):
    data = {"spec": small_spec("rife_v4.0").to_dict(), "keep": keep, "protected": {}}
    with pytest.raises(ValueError, match=words):
        PruningPlan.from_dict(data)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_no_record(tmp_path, kind):
    path = tmp_path / "index.json" if kind != "device" else Path("/dev/zero")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(ValueError, match=f"^{path} is damaged: it is no JSON .no file"):
        read_record(path, {})


def test_a_record_that_is_missing_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / "nothing.json", {})
