"""The command that serves the app."""

import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

from vfi.jobs.app_order import Limits
from vfi.jobs.app_work import Workshop
from vfi.stopping import handling

logger = logging.getLogger(__name__)

_QUIET = ("httpx", "httpcore", "uvicorn", "asyncio", "gradio")


def app(
    host: str = "127.0.0.1",
    port: int = 7860,
    browser: bool = False,
    megabytes: int = 500,
    seconds: float = 60,
    frames: int = 10_000,
) -> None:
    """Serves a page on which a video is dropped and made smoother; Ctrl-C ends it.

    What is uploaded and made lies in a private temporary folder, which is removed at the end. One
    run goes at a time, others wait; each sees its own results alone. Nothing is sent anywhere.

    Args:
        host: the address to listen at; 127.0.0.1 is this machine alone, 0.0.0.0 everybody who can
            reach it.
        port: likewise; 0 takes one that is free.
        browser: open the page.
        megabytes: the largest file that may be uploaded.
        seconds: the longest video.
        frames: the most frames of a result.

    Raises:
        ModuleNotFoundError: if gradio is not installed.
        ValueError: if a limit is not above 0, or the address cannot be had.
    """
    limits = Limits(megabytes=megabytes, seconds=seconds, frames=frames)
    port = _free(host, port)
    root = Path(tempfile.mkdtemp(prefix="vfi-app-"))
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(root / "uploads"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    ended = threading.Event()
    workshop = Workshop(root, limits)
    try:
        with handling(lambda *_: ended.set(), signal.SIGINT, signal.SIGTERM):
            _serve(workshop, host, port, browser, ended)
    finally:
        workshop.close()


def _serve(workshop: Workshop, host: str, port: int, browser: bool, ended: threading.Event) -> None:
    """Serves the page until it is ended."""
    from vfi.jobs import app_page  # not before gradio has been told its folder

    page = app_page.build(workshop)
    url = app_page.launch(page, workshop, host, port, browser)
    try:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        logger.info("the app is at %s; Ctrl-C ends it", url)
        while not ended.wait(0.5):  # not for ever: Windows hears Ctrl-C between waits alone
            pass
    finally:
        page.close(verbose=False)


def _free(host: str, port: int) -> int:
    """The port, or one that is free for 0.

    Raises:
        ValueError: if it cannot be had.
    """
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            return int(listener.getsockname()[1])
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"cannot listen at {host}:{port}: {reason}; choose another --host or --port"
        ) from error
