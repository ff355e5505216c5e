"""What is loaded for what: nothing heavy is imported before it is needed."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

TRAINING = ("lightning", "pandas", "matplotlib", "torchmetrics")
HEAVY = ("torch", "numpy", "av", "cv2", "PIL", "rich", "jsonargparse", *TRAINING)
_PROGRAM = """
import json, sys
try:
    code = {program}
except SystemExit as stop:
    code = stop.code
names = sorted({{name.partition(".")[0] for name in sys.modules}})
sys.stderr.write("\\n" + json.dumps([code, names]))
"""


def loaded(program: str) -> tuple[object, set[str]]:
    """What a fresh process gives for an expression, and the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(program=program)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        check=True,
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("__import__('vfi').__version__ and 0", 0),
        ("__import__('vfi.cli').cli.main([])", 0),
        ("__import__('vfi.cli').cli.main(['--help'])", 0),
        ("__import__('vfi.cli').cli.main(['--version'])", 0),
        ("__import__('vfi.cli').cli.main(['interpolat'])", 2),
    ],
)
def test_help_version_and_typos_load_nothing(program, code):
    found, modules = loaded(program)
    assert found == code
    assert modules.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "command", ["interpolate", "compare", "evaluate", "benchmark", "models", "verify", "release"]
)
def test_commands_of_the_core_load_nothing_of_training(command):
    code, modules = loaded(f"__import__('vfi.cli').cli.main(['{command}', '--help'])")
    assert code == 0
    assert modules.isdisjoint(TRAINING)


def test_videos_are_made_without_what_reads_training_frames():
    found, _ = loaded("'vfi.data' in (__import__('vfi.jobs.interpolate') and sys.modules)")
    assert found is False
