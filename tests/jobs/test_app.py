"""The app: what it does with orders, and the page in a real browser."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.helpers.browser import browser_or_skip
from tests.helpers.clips import picture
from tests.helpers.paths import ROOT
from tests.helpers.small_media import write_png
from vfi.cli import main
from vfi.jobs.app_order import Limits, Order
from vfi.jobs.app_work import Made, State, Stop, Workshop
from vfi.video.job import interpolate_video


@pytest.fixture
def shop(tmp_path, monkeypatch, blend):
    """A workshop of a model that blends, closed at the end."""
    monkeypatch.setattr("vfi.jobs.app_work.resolve_model", lambda name, *_: (blend, name))
    monkeypatch.setattr("vfi.video.job.resolve_model", lambda name, *_: (blend, name))
    root = tmp_path / "private"
    root.mkdir()
    workshop = Workshop(root, Limits())
    yield workshop
    workshop.close()
    assert not root.exists()


def made(workshop: Workshop, order: Order, session: str = "a") -> Made:
    *states, last = workshop.make(session, order)
    assert all(isinstance(state, State) for state in states)
    assert isinstance(last, Made)
    return last


@pytest.mark.parametrize(
    ("asked", "frames", "rate"),
    [
        ({"multiplier": 3}, 36, 72),
        ({"multiplier": None, "fps": "60"}, 30, 60),
        ({"multiplier": 2, "slow_motion": "2"}, 24, 24),
    ],
)
def test_the_command_that_is_shown_makes_the_same(
    shop, make_clip, probe, tmp_path, monkeypatch, asked, frames, rate
):
    clip = make_clip("-it's $(a) <b>.mp4", sound="aac")
    done = made(shop, Order((clip,), "rife-nano", **asked))
    found = probe(done.result)
    assert (found.frames, found.rate, found.audio) == (frames, rate, "aac")
    assert done.told()["input"].startswith("-it's $(a) <b>.mp4: h264 96x64, 12 frames")
    monkeypatch.chdir(clip.parent)
    program, *words = shlex.split(done.command)
    assert program == "vfi"
    assert main(words) == 0
    same = probe(tmp_path / done.result.name)
    assert same.times == found.times
    assert all((a == b).all() for a, b in zip(same.images, found.images, strict=True))


def test_two_pictures_make_the_one_between_or_a_video(shop, tmp_path, probe):
    files = tuple(write_png(tmp_path / f"{n}.png", picture(8 * n, 64, 48)) for n in range(2))
    assert made(shop, Order(files)).result.name == "0_middle.png"
    assert probe(made(shop, Order(files, multiplier=8)).result).frames == 9


def test_each_session_has_its_own_and_loses_it_when_it_leaves(shop, make_clip):
    first, other = (made(shop, Order((make_clip(frames=4),)), name) for name in "ab")
    assert first.result.parent != other.result.parent
    again = made(shop, Order((make_clip(frames=4),)), "a")
    assert not first.result.exists()
    shop.leave("a")
    assert (again.result.exists(), other.result.exists()) == (False, True)


def test_a_run_is_stopped(shop, make_clip, blend, monkeypatch):
    go = threading.Event()
    forward = type(blend).forward

    def slowly(self, *given):
        go.wait(30)
        return forward(self, *given)

    monkeypatch.setattr(type(blend), "forward", slowly)
    states = shop.make("a", Order((make_clip(),)))
    next(states)
    shop.stop("b")
    shop.stop("a")
    go.set()
    with pytest.raises(Stop):
        list(states)
    assert list(shop.results.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"seconds": 0.4}, r"^in.mp4 takes 0.5 s; this app takes up to 0.4 s"),
        ({"pixels": 6000}, r"^in.mp4 is 96x64; this app takes up to 0.0 million pixels"),
        ({"frames": 23}, r"^the result would have 24 frames; this app makes up to 23"),
    ],
)
def test_what_is_too_much_is_refused_before_work(shop, make_clip, limits, message):
    shop.limits = Limits(**limits)
    with pytest.raises(ValueError, match=message):
        made(shop, Order((make_clip(),)))
    assert list(shop.results.iterdir()) == []


def test_wrong_files_get_the_words_of_the_command_line(shop, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(ValueError, match="cannot read") as command_line:
        interpolate_video(text, tmp_path / "out.mp4", "rife-nano")
    with pytest.raises(ValueError, match="cannot read") as app:
        made(shop, Order((text,)))
    assert str(app.value) == str(command_line.value).replace(f"{tmp_path}{os.sep}", "")
    for files in ((), (text, text), (text,) * 3):
        with pytest.raises(ValueError, match=r"drop a video|files were given"):
            Order(files)
    with pytest.raises(ValueError, match="seconds is -1; it must be above 0"):
        Limits(seconds=-1)


def test_an_address_that_cannot_be_had_is_refused(caplog):
    assert main(["app", "--port", "99999"]) == 2
    assert "choose another --host or --port" in caplog.text


class Served:
    """The command at work, at ``url``, with its temporary files in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        limits = ["--port", "0", "--seconds", "5", "--megabytes", "1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vfi", "app", *limits, "--quiet"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder), "TMP": str(folder)},
            cwd=ROOT,
        )
        self.url = self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio, the extra app, is not installed")
    app = Served(tmp_path_factory.mktemp("app"))
    yield app
    app.process.terminate()
    assert app.process.wait(120) == 0
    assert list(app.folder.glob("vfi-app-*")) == [], "uploads and results are left"


def drop(page, *paths: Path) -> None:
    """Drops files, in place of what was there."""
    if page.locator("#files button[aria-label='Clear']").count():
        page.click("#files button[aria-label='Clear']")
    page.set_input_files("#files input[type=file]", [str(path) for path in paths])
    page.wait_for_selector(f"#files :text('{paths[-1].stem}')")


def choose(page, label: str, value: str) -> None:
    """Takes one of a list."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=value, exact=True).click()


def test_a_video_is_dropped_and_made_smoother(served, make_clip, tmp_path):
    """After a text file that is called a video; in torch, where nothing has to be compiled."""
    clip, text = make_clip("mine.mp4", frames=3), tmp_path / "notes.mp4"
    text.write_text("no video")
    with browser_or_skip() as browser:
        page = browser.new_page()
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.set_default_timeout(60_000)
        page.goto(served.url)
        choose(page, "model", "rife-nano")
        choose(page, "runtime", "torch")
        drop(page, text)
        page.click("#start")
        page.wait_for_selector("#state .error")
        assert "cannot read notes.mp4 as a video" in page.inner_text("#state")
        assert page.query_selector("vfi-beside") is None
        drop(page, clip)
        page.click("#start")
        page.wait_for_selector("vfi-beside")
        assert "rife-nano" in page.inner_text("#told")
        command = "vfi interpolate mine.mp4 -o mine_smooth.mp4 --model rife-nano"
        assert command in page.inner_text("#command")
        _plays(page)
        with page.expect_download() as download:
            page.click("#told a[download$='.mp4']")
        shutil.copy(download.value.path(), tmp_path / "got.mp4")
        assert {re.sub(r"^(\w+://[^/]+).*", r"\1/", url) for url in asked} <= {served.url}
        assert wrong == []
    from vfi.video.read.describe import describe

    assert describe(tmp_path / "got.mp4").frames == 6


def _plays(page) -> None:
    """The player shows both, and its divider and step work by keyboard."""
    player = page.locator("vfi-beside")
    page.wait_for_function(
        "[...document.querySelector('vfi-beside').shadowRoot.querySelectorAll('video')]"
        ".every((video) => video.readyState > 1)"
    )
    player.locator(".divider").focus()
    page.keyboard.press("Home")
    assert "--place: 0%" in player.get_attribute("style")
    player.locator(".on").click()
    page.wait_for_function(
        "document.querySelector('vfi-beside').shadowRoot.querySelector('.result').currentTime > 0"
    )
