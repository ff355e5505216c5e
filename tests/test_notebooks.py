"""The notebooks run, small, and what is stored with them is small and of one whole run."""

import json

import pytest

from tests.helpers.notebooks import FOLDER, run

pytest.importorskip("matplotlib", reason="matplotlib, of the extra report, is not installed")
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 150_000  # bytes


def printed(notebook: dict) -> str:
    streams = [o for cell in notebook["cells"] for o in cell.get("outputs", ())]
    return "".join("".join(output.get("text", ())) for output in streams)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, monkeypatch):
    monkeypatch.setenv("VFI_NOTEBOOK_SIZE", "64")
    monkeypatch.setenv("VFI_NOTEBOOK_STEPS", "2")
    monkeypatch.delenv("VFI_NOTEBOOK_VIDEO", raising=False)
    told = printed(run(path))
    if path.stem == "prune_a_rife":
        assert "emptied: block" in told
        assert "largest difference" in told
    else:
        assert "25 frames, 48 fps" in told
        assert "rife-nano" in told


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_small_and_of_one_run(path):
    assert path.stat().st_size < LARGEST
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(output["output_type"] != "error" for cell in code for output in cell["outputs"])
    assert "/tmp" not in printed(notebook)
    pictures = [o for cell in code for o in cell["outputs"] if o["output_type"] == "display_data"]
    assert pictures


def test_both_stories_are_there():
    assert {path.stem for path in NOTEBOOKS} == {"prune_a_rife", "your_own_video"}
