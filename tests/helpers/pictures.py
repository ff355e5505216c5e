"""What plots show."""

import xml.etree.ElementTree as ET
from pathlib import Path


def texts(path: Path) -> list[str]:
    """The texts of a plot; it must be whole, and have colours for dark grounds."""
    assert "prefers-color-scheme: dark" in path.read_text("utf-8")
    root = ET.parse(path).getroot()
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
