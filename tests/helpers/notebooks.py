"""Runs notebooks without Jupyter: cell after cell in one namespace, as a kernel would.

``python -m tests.helpers.notebooks`` runs all of them at full size and stores what they show.
"""

import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any

from tests.helpers.paths import ROOT

FOLDER = ROOT / "docs/notebooks"
_DOTS_PER_INCH = 72
_COLOURS = 64


def run(path: Path) -> dict[str, Any]:
    """The notebook with the outputs of its cells: texts and small pictures.

    Raises:
        Exception: whatever a cell raises.
    """
    import matplotlib.pyplot as plt

    notebook = json.loads(path.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    plt.close("all")
    for number, cell in enumerate(code, start=1):
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(compile("".join(cell["source"]), f"{path.name}[{number}]", "exec"), namespace)
        outputs = [_figure(plt.figure(shown)) for shown in plt.get_fignums()]
        plt.close("all")
        if told.getvalue():
            lines = told.getvalue().splitlines(keepends=True)
            outputs.insert(0, {"name": "stdout", "output_type": "stream", "text": lines})
        cell |= {"execution_count": number, "outputs": outputs}
    return notebook


def _figure(figure: Any) -> dict[str, Any]:
    """A figure as a notebook stores it, in few colours."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DOTS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(small, "PNG", optimize=True)
    data = {"image/png": base64.b64encode(small.getvalue()).decode()}
    return {"data": data, "metadata": {}, "output_type": "display_data"}


def main() -> None:
    """Stores the outputs of all notebooks."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        text = json.dumps(run(path), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
