"""Pictures of the page of ``vfi compare``: ``python -m tests.jobs.page_pictures FOLDER``.

Of a clip that the project draws, in the dark, with errors and motion.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.helpers.browser import browser_or_skip
from tests.helpers.small_media import write_clip
from vfi.data.sample import clip
from vfi.jobs.compare_video import compare_video

SIZES = {"desktop": (1200, 1560, 1), "phone": (390, 1000, 2)}
MODELS = ["rife-quality", "rife-fast", "rife-tiny"]


def main(folder: Path) -> None:
    """Writes a picture for each size."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browser_or_skip() as browser:
        video = write_clip(Path(scratch) / "shapes.mp4", clip(24), "libx264", 12)
        path = Path(scratch) / "page.html"
        compare_video(str(video), str(path), MODELS)
        for name, (width, height, scale) in SIZES.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                color_scheme="dark",
            )
            page.goto(path.as_uri())
            page.wait_for_function("document.querySelector('#where').value !== ''")
            for key in ("e", "f", "ArrowRight"):
                page.keyboard.press(key)
            page.wait_for_timeout(1000)
            with Image.open(io.BytesIO(page.screenshot())) as picture:
                picture.convert("RGB").save(folder / f"{name}.jpg", quality=85)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
