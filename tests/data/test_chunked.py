"""Clips in litdata's chunks give the triplets of the clips themselves."""

import json
import shutil

import pytest

from tests.data.test_index import triplets
from vfi.cli import main
from vfi.data.chunked import chunked_clips
from vfi.data.clips import find_clips
from vfi.data.stores import NoRoomError
from vfi.jobs import chunks

REASON = "litdata is not installed (extra litdata)"


@pytest.fixture
def files(clips, tmp_path):
    """Three of the clips that are files, and what is none."""
    (tmp_path / "files/some").mkdir(parents=True)
    for path in sorted(clips.glob("*.*"))[:3]:
        shutil.copy(path, tmp_path / "files/some")
    (tmp_path / "files/broken.mp4").write_bytes(b"no video")
    return tmp_path / "files"


def test_chunks_are_made_once_gone_on_with_and_give_the_same(files, tmp_path, caplog):
    pytest.importorskip("litdata", reason=REASON)
    last = max((files / "some").iterdir())
    last.rename(tmp_path / last.name)
    out = tmp_path / "chunks"
    assert main(["chunks", str(files), "-o", str(out)]) == 0
    first = json.loads((out / "clips.json").read_text())["clips"]
    (tmp_path / last.name).rename(last)
    caplog.clear()
    assert main(["chunks", str(files), "-o", str(out)]) == 0
    assert "3 clips, 1 added now" in caplog.text
    rows = json.loads((out / "clips.json").read_text())["clips"]
    assert rows[:2] == first
    assert len(rows) == 3
    (files / "broken.mp4").unlink()
    assert triplets(f"litdata::{out}") == triplets(files)
    index = tmp_path / "i.json"
    assert main(["index", f"litdata::{out}", "-o", str(index)]) == 0
    named = {row["name"]: row["sha256"] for row in json.loads(index.read_text())["clips"]}
    assert named == {row["name"]: row["sha256"] for row in rows}
    assert triplets(f"litdata::{out}", index=index) == triplets(files)


def test_a_place_without_chunks_is_named(tmp_path):
    with pytest.raises(ValueError, match="there are no clips in chunks at litdata::.*vfi chunks"):
        chunked_clips(f"litdata::{tmp_path}")
    (tmp_path / "clips.json").write_text('{"clips": [{"name": 1}]}')
    with pytest.raises(ValueError, match="there are no clips in chunks at .*name"):
        chunked_clips(f"litdata::{tmp_path}")


def test_a_full_disk_is_no_fault_of_the_clip(files, monkeypatch):
    def full(clip, patience):
        raise NoRoomError("no room")

    monkeypatch.setattr(chunks, "clip_file", full)
    with pytest.raises(NoRoomError):
        chunks._packed(find_clips(files)[0], patience=1.0)
