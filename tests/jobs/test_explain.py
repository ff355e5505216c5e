"""The pruning explorer, as files and in a real browser."""

import json
import re

import pytest

from tests.helpers.browser import browser_or_skip, fits, on_a_phone, outside
from tests.helpers.small_networks import narrow_network
from vfi.checkpoints import load_network, save_network
from vfi.cli import main
from vfi.pruning import GlobalThreshold


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    weights, path = folder / "mine.safetensors", folder / "page.html"
    save_network(narrow_network(), weights)
    words = ["--size", "64x64", "--train.batch_size", "1", "--train.augment.crop", "64"]
    assert main(["explain", str(weights), "-o", str(path), "--json", *words]) == 0
    return path


def test_its_figures_are_those_of_the_network(page):
    known = json.loads(page.with_suffix(".json").read_text("utf-8"))
    network = load_network(page.with_name("mine.safetensors"))
    assert known["ratio"] == 0.3
    for level in known["levels"]["naive"]:
        plan = GlobalThreshold(level["asked"])(network)
        assert level["widths"] == plan.widths
        assert level["emptied"] == list(plan.emptied)
    assert all(level["emptied"] == [] for level in known["levels"]["aware"])
    parts = {part["name"]: part for part in known["parts"]}
    assert (parts["block0.trunk"]["channels"], parts["block0.trunk"]["official"]) == (8, 192)
    assert "reads frames" in parts["block0.stem"]["protection"]
    assert {cost["group"] for cost in known["costs"]} == {*parts, ""}


def test_wrong_settings_are_told_before_work(tmp_path, caplog):
    for words, message in (
        (["-o", "page.png"], r"give the name of a .html file"),
        (["--ratio", "1"], r"a sparsity must be at least 0 and below 1"),
        (["--size", "64"], r"64"),
    ):
        assert main(["explain", "rife-nano", "-o", str(tmp_path / "a.html"), *words]) == 2
        assert re.search(message, caplog.messages[-1])
    assert list(tmp_path.iterdir()) == []


def test_the_slider_shows_what_is_emptied(page):
    known = json.loads(page.with_suffix(".json").read_text("utf-8"))
    assert outside(page.read_text("utf-8")) == []
    with browser_or_skip() as browser:
        tab, wrong = on_a_phone(browser)
        tab.goto(page.as_uri())
        assert tab.locator("#percent").inner_text() == "30 %"
        tab.locator("#ratio").press("End")
        last = known["levels"]["naive"][-1]
        assert tab.locator("#percent").inner_text() == f"{100 * last['asked']:.0f} %"
        assert tab.locator(".kept.naive.empty").count() == len(last["emptied"]) > 0
        assert tab.locator(".kept.aware.empty").count() == 0
        assert tab.locator("#emptied").inner_text().count(".") > len(last["emptied"])
        name = last["emptied"][0]
        row = tab.locator(f'#layers [data-layer="{name}"]')
        assert "0 of" in row.locator(".kept.naive").inner_text()
        said = row.locator(".rug svg").get_attribute("aria-label")
        assert said.split(" of ")[0] == said.split()[2], "all channels lie below the threshold"
        tab.locator("#layers th[data-tip]").first.focus()
        assert "first convolution" in tab.locator("#tip").inner_text()
        assert fits(tab)
        assert wrong == []
