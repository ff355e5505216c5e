"""The commands of every page do what they say: on small networks, frames and sets, for few steps.

Each that is not run is in ``ELSEWHERE`` with the reason; those that only name another model, size
or file come once.
"""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.media import Pictures, make
from tests.helpers.paths import ROOT
from tests.helpers.photos import write_photos
from tests.helpers.small_networks import fill
from tests.test_docs import PAGES, commands
from vfi.checkpoints import save_network
from vfi.cli import main
from vfi.data import SampleTriplets
from vfi.models import RIFE, VARIANTS, BlockSpec, RefineSpec

PLACES = {"ucf101_interp_ours": "ucf", "clips": "clips", "photos": "photos"}
MODELS = re.compile(r"(?<![\w/.-])(rife_v4\.0|rife-(?:quality|fast|tiny|nano))(?![\w/.@-])")
RENAMED = {
    "s3://bucket/clips": "clips",
    "--start 12 --seconds 3": "--start 0 --seconds 0.3",
}
"""What a page says -> what is there."""

SAMPLE = "--train.augment.crop 64 --train.batch_size 1 --train.stream.shuffle_mib 1"
MORE = {
    "interpolate": "--model rife-fast --runtime torch",
    "test": "--model.network rife_v4.0 --trainer.accelerator cpu --trainer.limit_test_batches 2 "
    "--data.num_workers 0 --data.train.batch_size 1 --data.train.augment.crop 64 "
    "--trainer.callbacks.latency_size [64,64] --trainer.callbacks.repeats 1",
    "fit": "--model.network rife_v4.0 --model.dense rife_v4.0 --trainer.accelerator cpu "
    "--data.num_workers 0 --data.train.steps 1 --data.train.batch_size 1 "
    "--data.train.augment.crop 64 --data.train.stream.stride [1,2] --data.val.strides [1] "
    "--data.val.per_clip 1 --data.val.size 64 --trainer.max_epochs 1 --trainer.plugins null "
    "--trainer.callbacks.init_args.calibration 1",
    "evaluate": "--runtime torch",
    "compare": "--runtime torch",
    "explain": f"--size 64x64 --calibration 1 {SAMPLE}",
    "preview": f"--rows 1 --columns 1 --size 64 {SAMPLE}",
}
"""Options that make a command of seconds of it."""

MINUTES = "measures real models for minutes; tests/jobs/test_benchmark.py runs it on small ones"
HOURS = "trains for hours, and differs from the first of its page in settings, which are parsed"
RAY = "needs a cluster: tests/jobs/test_executors.py"
ELSEWHERE = {
    r"^test -c test/baseline.yaml$": "tests/test_docs.py, as written",
    r"^app": "does not end: tests/jobs/test_app.py",
    r"--play": "wants a screen",
    r"-o -$": "writes to a pipe: tests/video/test_pipes.py",
    r"^benchmark": MINUTES,
    r"^select|--model auto": "times the shipped models: tests/jobs/test_select.py",
    r"openvino|int8|^export|^quantize": "tests/runtime and tests/jobs run other runtimes",
    r"--executor ray": RAY,
    r"strategy/ddp|--trainer.strategy ddp": "several processes: tests/training/test_ranks.py",
    r"^chunks|litdata": "needs litdata: tests/data/test_chunked.py",
    r"^fit -c fit/(?!prune)": HOURS,
    r"^search": "trains many networks: tests/jobs/test_search.py",
    r"^sweep": "hours: tests/jobs/test_sweep.py",
    r"^convert": "needs a finished training: tests/training/test_ranks.py",
    r"^plan": "times the layers of a network: tests/jobs/test_plan.py",
    r"^draw .*training": "many pictures; those of a sweep are drawn",
    r"^verify": "counts all 379 triplets: tests/jobs/test_verify.py",
    r"^compare v_": "as the one before it, on a clip that is not here",
    r"^release": "needs a training of hours: tests/jobs/test_release.py",
    r"prune/finetune": "trains 200 steps: tests/training/test_finetune.py",
    r"--models \[rife_v4.0,runs": MINUTES,
}
"""Which commands are not run here, and why."""


def calls(page: Path) -> list[list[str]]:
    """The commands of a page that are run, as written but for its placeholders."""
    found = [call for call in commands(page, PLACES) if ">" not in call]
    return [c for c in found if not any(re.search(e, " ".join(c)) for e in ELSEWHERE)]


FIRST: dict[str, Path] = {}
for page in PAGES:
    for call in calls(page):
        FIRST.setdefault(" ".join(call), page)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with all that the pages speak of."""
    root = tmp_path_factory.mktemp("place")
    official = VARIANTS["rife_v4.0"]
    narrow = official.replace(
        blocks=tuple(BlockSpec.uniform(16, block.scale) for block in official.blocks),
        teacher=BlockSpec.uniform(16, 1),
        refine=RefineSpec.uniform(16),
    )
    for number, name in enumerate(("rife_v4.0", "rife-quality", "rife-fast", "rife-tiny")):
        network = fill(RIFE(narrow), gain=0.5 + number / 10)
        save_network(network, root / f"networks/{name}.safetensors")
    for name in ("in", "a", "b", "c"):
        make(root / f"{name}.mp4")
    (root / "clips").mkdir()
    for name in ("bear", "cat", "bikes"):
        make(root / f"clips/{name}.mp4", Pictures(size=(96, 96)))
    sample = SampleTriplets()
    names = {"img0": "frame_00.png", "gt": "frame_01_gt.png", "img1": "frame_02.png"}
    for number in range(2):
        (root / f"ucf/{number + 1}").mkdir(parents=True)
        for key, name in names.items():
            frame = sample[number][key][:, :64, :64].permute(1, 2, 0).numpy()
            cv2.imwrite(str(root / f"ucf/{number + 1}/{name}"), np.ascontiguousarray(frame))
    for name, copied in (("a.png", "frame_00.png"), ("b.png", "frame_02.png")):
        shutil.copy(root / "ucf/1" / copied, root / name)
    write_photos(root / "photos", 2, 1, 240, 240)
    return root


def small(call: list[str]) -> list[str]:
    """The command on what is there."""
    line = "\0".join(call)
    for said, there in RENAMED.items():
        line = line.replace(said.replace(" ", "\0"), there.replace(" ", "\0"))
    call = line.split("\0")
    more = MORE.get(call[0] if "." not in call[0] else "interpolate", "").split()
    given = {word for word in call if word.startswith("--")}
    if "average.yaml" in line or "copy.yaml" in line:
        given.add("--model.network")
    for option, value in zip(more[::2], more[1::2], strict=True):
        if option not in given:
            call += [option, value]
    return [call[0], *(MODELS.sub(r"networks/\1.safetensors", word) for word in call[1:])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page, place, tmp_path, monkeypatch):
    mine = [call for call in calls(page) if FIRST[" ".join(call)] == page]
    if not mine:
        pytest.skip("all of its commands are run elsewhere, see ELSEWHERE")
    for path in place.iterdir():
        (tmp_path / path.name).symlink_to(path)
    if any(call[0] == "draw" for call in mine):
        shutil.copytree(ROOT / "docs/results/sweep", tmp_path / "docs/results/sweep")
    monkeypatch.chdir(tmp_path)
    for call in mine:
        try:
            status = main(small(call))
        except SystemExit as stop:
            status = stop.code
        assert not status, small(call)


def test_no_reason_is_left_without_a_command():
    lines = [" ".join(call) for page in PAGES for call in commands(page, PLACES)]
    assert [e for e in ELSEWHERE if not any(re.search(e, line) for line in lines)] == []
