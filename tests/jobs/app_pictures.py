"""Pictures of the app at work: ``python -m tests.jobs.app_pictures``.

Of a clip that the project draws, into ``docs/results/app``.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.helpers.browser import browser_or_skip
from tests.helpers.paths import ROOT
from tests.helpers.small_media import write_clip
from tests.jobs.test_app import Served, drop
from vfi.data.sample import clip

SIZES = {"desktop": (1200, 860), "phone": (390, 780)}


def main(folder: Path) -> None:
    """Writes a picture for each size."""
    with tempfile.TemporaryDirectory() as scratch:
        video = write_clip(Path(scratch) / "shapes.mp4", clip(36), "libx264", 12)
        app = Served(Path(scratch))
        try:
            with browser_or_skip() as browser:
                for name, (width, height) in SIZES.items():
                    page = browser.new_page(viewport={"width": width, "height": height})
                    page.goto(app.url)
                    drop(page, video)
                    page.click("#start")
                    page.wait_for_selector("vfi-beside")
                    page.locator("vfi-beside .on").click(click_count=13, delay=100)
                    page.locator("#state").scroll_into_view_if_needed()
                    page.wait_for_timeout(1000)
                    _write(page.screenshot(full_page=name == "phone"), folder / f"{name}.png")
        finally:
            app.process.terminate()
            app.process.wait(30)


def _write(data: bytes, path: Path) -> None:
    """A picture of few colours, for its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(96)
    small.save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/results/app")
