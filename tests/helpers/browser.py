"""A real browser without a window."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

PHONE = {"width": 390, "height": 800}  # pixels
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


WEBGPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
"""A graphics device that the processor imitates; not with ``--disable-gpu``."""


@contextlib.contextmanager
def browser_or_skip(*flags: str) -> Iterator[Any]:
    """Chromium, driven by Playwright; the test is skipped where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def on_a_phone(browser: Any) -> tuple[Any, list[str]]:
    """A small page in the dark, and what it will complain of."""
    tab, complaints = browser.new_page(viewport=PHONE, color_scheme="dark"), []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    return tab, complaints


def fits(tab: Any) -> bool:
    """Whether a page is no wider than what it is shown on."""
    return tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def outside(text: str) -> list[str]:
    """What a page would ask others for; addresses that only name something are none."""
    asks = r"<\w+[^>]* (?:src|href)\s*=|https?://(?!www\.w3\.org/2000/svg)|url\("
    return re.findall(asks, text)
