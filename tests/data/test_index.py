"""Clips looked at once, from folders and stores; read in equal parts, and never waited for."""

import errno
import http.server
import io
import json
import os
import shutil
import threading
import time
from functools import partial

import pytest

from tests.helpers.small_media import LENGTHS
from vfi.cli import main
from vfi.data import StreamSpec, VideoTriplets
from vfi.data.augment import Augment
from vfi.data.index import balanced, read_index
from vfi.data.patience import TooSlowError, patiently, within
from vfi.data.stores import NoRoomError
from vfi.jobs.index import index


def triplets(root, **options):
    """The ids and first frames of all triplets."""
    stream = StreamSpec(open_clips=2, shuffle_mib=0)
    dataset = VideoTriplets(root, stream=stream, augment=Augment(crop=32), **options)
    return {item["id"]: item["img0"].float().mean().item() for item in dataset}


@pytest.fixture
def files(clips, tmp_path):
    """Those of the clips that are files, in a folder of a folder."""
    for path in clips.glob("*.*"):
        (tmp_path / "files/some").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "files/some")
    return tmp_path / "files"


@pytest.fixture
def served(files):
    """The same at the address of a server."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(files))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_an_index_knows_all_clips_and_goes_on(clips, tmp_path, caplog):
    path = tmp_path / "clips.json"
    assert main(["index", str(clips), "-o", str(path)]) == 0
    entries = read_index(path)
    assert {entry.name: entry.frames for entry in entries} == LENGTHS
    assert all(e.width == 32 and e.bytes > 0 and len(e.sha256) == 64 for e in entries)
    rows = path.with_suffix(".csv").read_text().splitlines()
    assert len(rows) == len(entries) + 1
    record = json.loads(path.read_text())
    gone = record["clips"].pop(0)
    path.write_text(json.dumps(record))
    caplog.clear()
    index(str(clips), str(path))
    assert ", 1 looked at now," in caplog.text
    assert json.loads(path.read_text())["clips"][0] == gone


def test_an_index_of_another_folder_is_not_trusted(clips, tmp_path, caplog):
    path, other = tmp_path / "clips.json", tmp_path / "other"
    index(str(clips), str(path))
    right = json.loads(path.read_text())["clips"]
    record = json.loads(path.read_text()) | {"root": str(other)}
    for row in record["clips"]:
        row["sha256"] = 64 * "0"  # of other contents, of the same names and sizes
    path.write_text(json.dumps(record))
    caplog.clear()
    index(str(clips), str(path))
    assert f"was of {other}: all clips are looked at again" in caplog.text
    assert json.loads(path.read_text())["clips"] == right


def test_a_full_disk_ends_the_reading_of_a_store(files, served, tmp_path, monkeypatch, caplog):
    pytest.importorskip("aiohttp", reason="aiohttp is not installed (extra stores)")

    class Full(io.BytesIO):
        def write(self, part):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vfi.data.stores.tempfile.TemporaryFile", Full)
    path = tmp_path / "clips.json"
    assert main(["index", served, "-o", str(path)]) == 2
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "No space left on device); make room there, or name a folder" in line
    with pytest.raises(NoRoomError):
        triplets(served)


def test_a_folder_of_damaged_clips(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"RIFF cut short")
    with pytest.raises(ValueError, match=r"no clip of .* can be read, .*i\.json tells why"):
        index(str(tmp_path), str(tmp_path / "i.json"))
    assert json.loads((tmp_path / "i.json").read_text())["clips"][0]["error"]


def test_what_an_index_names_is_read_without_a_search(clips, tmp_path, monkeypatch):
    path = str(tmp_path / "clips.json")
    index(str(clips), path)
    everything = triplets(clips)
    monkeypatch.setattr("vfi.data.clips.find_clips", None)
    assert triplets(clips, index=path) == everything
    halves = [triplets(clips, index=path, rank=rank, world_size=2) for rank in (0, 1)]
    assert halves[0] | halves[1] == everything
    assert len(halves[0]) + len(halves[1]) == len(everything)


def test_clips_of_stores_are_those_of_the_folder(files, served, tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra stores)")
    pytest.importorskip("aiohttp", reason="aiohttp is not installed (extra stores)")
    fsspec.filesystem("memory").put(str(files), "/clips", recursive=True)
    local = tmp_path / "local.json"
    index(str(files), str(local))
    everything = triplets(files)
    for number, root in enumerate(("memory://clips", served)):
        path = tmp_path / f"{number}.json"
        index(root, str(path))
        assert json.loads(path.read_text())["clips"] == json.loads(local.read_text())["clips"]
        assert triplets(root, index=path) == everything
    assert triplets(served) == everything


def test_shares_are_about_equally_long():
    lengths = [900, 10, 20, 400, 30, 500, 10, 10, 10, 10]
    order = [5, 3, 1, 0, 2, 4, 6, 9, 8, 7]
    shares = balanced(order, lengths, 2)
    assert sorted(clip for share in shares for clip in share) == list(range(10))
    totals = [sum(lengths[clip] for clip in share) for share in shares]
    assert max(totals) - min(totals) <= 10
    assert all([c for c in order if c in share] == share for share in shares)


def test_nobody_waits_for_what_does_not_come(clips, tmp_path, monkeypatch, caplog):
    stuck = threading.Event()

    def dead(path):
        if path.name == "a.mkv":
            stuck.wait(20)

    monkeypatch.setattr("vfi.data.decoding._touch", dead)
    began = time.monotonic()
    path = tmp_path / "clips.json"
    index(str(clips), str(path), patience=0.5)
    assert [entry.name for entry in read_index(path) if entry.error] == ["a.mkv"]
    stream = StreamSpec(open_clips=2, patience=0.5)
    dataset = VideoTriplets(clips, stream=stream, augment=Augment(crop=32))
    assert list(dataset)
    assert dataset.summary.damaged == ("a.mkv",)
    assert "nothing came for 0.5 s" in caplog.text
    assert time.monotonic() - began < 20
    stuck.set()


def test_items_come_in_order_and_errors_where_they_are_raised():
    def items():
        yield from range(20)
        raise KeyError("end")

    got = []
    came = patiently(items, 5)
    for _ in range(20):
        got.append(next(came))
    with pytest.raises(KeyError):
        next(came)
    assert got == list(range(20))
    with pytest.raises(TooSlowError, match=r"nothing came for 0\.1 s"):
        within(0.1, partial(time.sleep, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "-o", "a.json"], "nowhere"),
        (["memory://empty", "-o", "a.json"], "memory://empty"),
        (["http://127.0.0.1:1/x", "-o", "a.json"], "cannot list http://127.0.0.1:1/x: "),
        (["tape://x", "-o", "a.json"], "cannot open tape://x"),
        ([".", "-o", "a.txt"], "give the name of a .json file"),
    ],
)
def test_wrong_input(arguments, message, caplog):
    assert main(["index", *arguments]) == 2
    assert message in caplog.text
