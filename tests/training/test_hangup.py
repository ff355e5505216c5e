"""A terminal that is closed, its training in it: bars and words have nowhere to go, weights do."""

import os
import select
import subprocess
import sys
import time

import pytest
import yaml

from tests.helpers.paths import ROOT
from tests.helpers.recipe import assert_equal, recipe, state
from vfi.cli import main

pty = pytest.importorskip("pty", reason="Windows has no such terminals")
LIMIT = 240.0  # seconds


def in_a_terminal(*command: str) -> tuple[subprocess.Popen[bytes], int]:
    """The process of a command that has a terminal of its own, and the terminal's other end."""
    ours, its = pty.openpty()
    # a first process takes the terminal, so that closing it sends SIGHUP, and becomes the command
    taken = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    program = f"{taken}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        cwd=ROOT,
    )
    os.close(its)
    return process, ours


def test_a_training_whose_terminal_is_closed_saves_and_goes_on(clips, tmp_path):
    path = recipe(tmp_path / "broken", clips)
    config = yaml.safe_load(path.read_text())
    config["trainer"]["enable_progress_bar"] = True
    bar = {"class_path": "lightning.pytorch.callbacks.RichProgressBar"}
    config["trainer"]["callbacks"] = [bar, *config["trainer"]["callbacks"]]
    path.write_text(yaml.safe_dump(config))
    process, terminal = in_a_terminal("lightning_cli.py", "fit", "-c", str(path))
    rows, began, told = tmp_path / "broken/prune_fit/losses.csv", time.monotonic(), b""
    while not rows.exists() or rows.read_text().count("\n") < 3:  # of six, and their names
        assert time.monotonic() - began < LIMIT, told[-2000:]
        if select.select([terminal], [], [], 0.02)[0]:
            told += os.read(terminal, 1 << 16)
    os.close(terminal)
    assert process.wait(LIMIT) == 129
    last = tmp_path / "broken/prune_fit/checkpoints/last.ckpt"
    assert state(last.parents[1])["global_step"] > 4  # which a row of losses ends with
    assert main(["fit", "-c", str(recipe(tmp_path / "broken", clips))]) == 0
    assert main(["fit", "-c", str(recipe(tmp_path / "whole", clips))]) == 0
    assert_equal(*(state(tmp_path / name / "prune_fit") for name in ("broken", "whole")))
