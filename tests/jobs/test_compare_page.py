"""The page of `vfi compare`, as a file and in a real browser."""

import html
import json
import re

import cv2
import numpy as np
import pytest
import torch

from tests.helpers.browser import browser_or_skip, outside
from vfi.cli import main
from vfi.jobs import compare_page
from vfi.jobs.compare_video import compare_video


class Paint(torch.nn.Module):
    """Makes every frame of one colour."""

    def __init__(self, *colour: float) -> None:
        super().__init__()
        self.colour = torch.tensor(colour).reshape(1, 3, 1, 1)

    def forward(self, img0, img1, timestep=0.5, flow_scale=1.0):
        return self.colour.expand_as(img0)


@pytest.fixture
def models(monkeypatch, blend):
    known = {"blend": blend, "red": Paint(1, 0, 0), "blue": Paint(0, 0, 1)}
    monkeypatch.setattr("vfi.video.triples.resolve_model", lambda name, *_: (known[name], name))


@pytest.fixture
def page(models, make_clip, tmp_path):
    """Of eleven frames with a cut; three models, of which one is right."""
    path = tmp_path / "page.html"
    clip = str(make_clip(frames=11, cut_at=6))
    compare_video(clip, str(path), ["blend", "red", "blue"], json=True)
    return path


def read(path):
    text = path.read_text("utf-8")
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_a_page_holds_everything_itself(page):
    text, data = read(page)
    assert outside(text) == []
    assert "default-src 'none'" in text
    assert data["names"] == ["original", "blend", "red", "blue"]
    assert [step["kept"] for step in data["steps"]] == [True, False] * 5 + [True]
    assert [step["number"] for step in data["steps"] if step["cut"]] == [5]
    assert page.stat().st_size < compare_page.LIMIT
    assert not list(page.parent.glob(".page*"))


def test_its_figures_are_those_of_the_frames(page):
    report = json.loads(page.with_suffix(".json").read_text("utf-8"))
    assert {row["frame"] for row in report["frames"]} == {1, 3, 7, 9}
    assert report["seconds"] > 0
    named = {figure["model"]: figure for figure in report["models"]}
    assert named["blend"]["psnr"] == pytest.approx(named[compare_page.AVERAGE]["psnr"])
    assert named["blend"]["psnr"] > named["red"]["psnr"]
    assert named["blend"]["speedup"] == 1
    assert named["red"]["median_ms"] > 0
    assert named[compare_page.AVERAGE]["median_ms"] is None
    _, data = read(page)
    step = next(step for step in data["steps"] if step["number"] == 3)
    rows = {row["model"]: row["psnr"] for row in report["frames"] if row["frame"] == 3}
    assert step["psnr"] == pytest.approx([rows[name] for name in data["names"][1:]], abs=1e-4)


def test_a_part_of_the_video(models, make_clip, tmp_path):
    clip = str(make_clip(frames=24))
    part = {"start": 0.25, "seconds": 0.25, "runtime": "openvino", "precision": "float32"}
    compare_video(clip, str(tmp_path / "part.html"), ["blend"], **part)
    told = html.unescape((tmp_path / "part.html").read_text("utf-8"))
    words = "--models blend --start 0.25 --seconds 0.25 --runtime openvino --precision float32"
    assert f"vfi compare {clip} --output {tmp_path / 'part.html'} {words}" in told
    _, data = read(tmp_path / "part.html")
    times = [step["time"] for step in data["steps"]]
    assert times[0] >= 0.25
    assert times[-1] <= 0.5
    assert len(times) in (5, 7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 99}, "start is 99, but .* ends after"),
        ({"start": -1}, "give 0 or more"),
        ({"seconds": 0}, "give 0 or more, and above 0"),
        ({"output": "a.png", "json": True}, "--json goes with a page"),
    ],
)
def test_what_cannot_be_shown_is_told(models, make_clip, tmp_path, settings, message):
    output = str(tmp_path / settings.pop("output", "a.html"))
    with pytest.raises(ValueError, match=message):
        compare_video(str(make_clip(frames=5)), output, ["blend"], **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_several_models_are_written_as_people_do(capsys):
    words = ["compare", "in.mp4", "-o", "p.html", "--models", "rife-fast", "rife-tiny", "--json"]
    with pytest.raises(SystemExit):
        main([*words, "--print_config"])
    shown = capsys.readouterr().out
    assert "- rife-fast\n- rife-tiny" in shown
    assert "input: in.mp4" in shown


@pytest.fixture(scope="module")
def browser():
    with browser_or_skip() as browser:
        yield browser


@pytest.fixture
def opened(browser, page):
    """The page on a desktop, and what the browser complained of."""
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    tab, complaints = context.new_page(), []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda r: r.url.startswith("http") and complaints.append(r.url))
    tab.goto(page.as_uri())
    tab.wait_for_function("document.querySelector('#where').value !== ''")
    yield tab
    assert complaints == []
    context.close()


def pixels(tab, selector: str) -> np.ndarray:
    """RGB of what is seen of a thing."""
    picture = np.frombuffer(tab.locator(selector).first.screenshot(), np.uint8)
    return cv2.imdecode(picture, cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def reaches(tab, number: int) -> None:
    """Waits until a frame is shown."""
    shown = "number => document.querySelector('#where').value.startsWith(`frame ${number},`)"
    tab.wait_for_function(shown, arg=number, timeout=20_000)


def test_the_divider_is_where_it_was_dragged_to(opened):
    opened.select_option("#left", label="red")
    opened.select_option("#right", label="blue")
    box = opened.locator(".player canvas").bounding_box()
    middle = box["y"] + box["height"] / 2
    opened.mouse.move(box["x"] + box["width"] / 2, middle)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] * 0.25, middle, steps=4)
    opened.mouse.up()
    assert opened.locator("#divider").get_attribute("aria-valuenow") == "25"
    opened.add_style_tag(content="#divider, .tag { visibility: hidden }")
    row = pixels(opened, ".player canvas")[-40]
    red, blue = row[:, 0] > 200, row[:, 2] > 200
    edge = round(len(row) * 0.25)
    assert red[4 : edge - 3].all()
    assert blue[edge + 3 : -4].all()
    assert not (red & blue).any()


def test_steps_jumps_and_keys(opened):
    opened.keyboard.press("Home")
    reaches(opened, 0)
    opened.click("#next")
    reaches(opened, 1)
    opened.locator(".player").first.click(position={"x": 20, "y": 20})
    opened.keyboard.press("ArrowRight")  # of the divider, which has the focus
    opened.keyboard.press("Shift+ArrowRight")
    reaches(opened, 3)
    opened.keyboard.press("End")
    reaches(opened, 10)
    opened.locator('#charts [data-frame="7"]').first.click(force=True)
    reaches(opened, 7)
    assert opened.locator("#charts .point.on").count() == 6  # of three models in two charts
    opened.keyboard.press("4")
    assert opened.locator("#whose").inner_text() == "blue"
    opened.keyboard.press("w")
    worst = opened.locator("#worst button").first.inner_text()
    reaches(opened, int(re.match(r"frame (\d+):", worst)[1]))
    opened.keyboard.press("Space")
    opened.wait_for_function(
        "before => document.querySelector('#where').value !== before", arg=worst
    )
    opened.keyboard.press("Space")
    assert opened.locator("#play").get_attribute("aria-pressed") == "false"


def test_errors_zoom_and_all_at_once(opened):
    plain = pixels(opened, ".player canvas")
    opened.keyboard.press("e")
    assert opened.locator("#legend").is_visible()
    assert np.abs(pixels(opened, ".player canvas") - plain).mean() > 10
    opened.keyboard.press("e")
    opened.keyboard.press("+")
    assert opened.locator("#zoom").input_value() == "2"
    opened.keyboard.press("-")
    assert np.abs(pixels(opened, ".player canvas") - plain).mean() < 1
    opened.keyboard.press("l")
    opened.locator(".player").first.hover(position={"x": 60, "y": 60})
    assert opened.locator("#loupe").is_visible()
    opened.keyboard.press("b")
    assert opened.locator(".player").count() == 4
    assert not opened.locator("#flow").is_visible()  # these models tell no motion


def test_on_a_phone_in_the_dark(browser, page):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, color_scheme="dark", has_touch=True
    )
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_function("document.querySelector('#where').value !== ''")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    picture = np.frombuffer(tab.screenshot(), np.uint8)
    assert cv2.imdecode(picture, cv2.IMREAD_COLOR)[:10, :10].max() < 60
    box = tab.locator(".player canvas").bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + 20)
    assert tab.locator("#divider").get_attribute("aria-valuenow") in ("74", "75", "76")
    context.close()
