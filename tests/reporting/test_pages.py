"""Pages, charts and the pictures in them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from vfi.reporting.album import LOOKS, Album, Look, look_for
from vfi.reporting.charts import Dot, Scale, Series, chart
from vfi.reporting.pages import Markup, html_table, page
from vfi.reporting.style import styles


def noise(seed: int, height: int = 60, width: int = 90) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_pictures_get_smaller_until_they_fit():
    image = noise(0, 300, 500)
    best = look_for([image], 1, 10**9)
    assert best == LOOKS[0]
    size = len(LOOKS[3].encoded(image))
    assert look_for([image], 10, 10 * size) in LOOKS[:4]
    with pytest.raises(ValueError, match="about 1000 pictures do not fit into 0 MB"):
        look_for([image], 1000, 1000)


def test_an_album_keeps_its_promise_where_the_sample_did_not():
    flat = np.zeros((300, 500, 3), np.uint8)
    limit = 150_000
    album = Album(look_for([flat], 3, limit), limit)
    assert [album.add(noise(seed, 300, 500)) for seed in range(3)] == [0, 1, 2]
    assert sum(map(len, album.pictures)) > limit
    album.close()
    assert len(album.pictures) == 3
    assert sum(map(len, album.pictures)) <= limit
    assert album.look != LOOKS[0]


def test_small_pictures_are_not_enlarged():
    assert Look(640, 80).shrunk(noise(0)).shape == (60, 90, 3)
    assert Look(45, 80).shrunk(noise(0)).shape == (30, 45, 3)


@pytest.mark.parametrize(("low", "high"), [(20.9, 41.8), (0.78, 0.99), (0, 1e6), (5, 5), (-3, -1)])
def test_ticks_are_round_and_inside(low, high):
    scale = Scale.over([low, high], 0, 100)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 8
    for value, text in ticks:
        assert 0 <= scale(value) <= 100
        assert float(text) == pytest.approx(value, abs=1e-9)


def test_a_chart_is_xml_with_a_point_for_each_value():
    dots = [Dot(0, 1, "a < b", data={"frame": 3}), Dot(1, None), Dot(2, 2)]
    looks = styles(["rife-fast", "x<y"])
    series = [Series(name, look, dots) for name, look in looks.items()]
    text = chart(series, "time, s", "PSNR, dB", "over time")
    root = ET.fromstring(text)
    points = [e for e in root.iter() if e.get("class") == "point"]
    assert len(points) == 4
    assert points[0].get("data-tip") == "a < b"
    assert points[0].get("data-frame") == "3"
    lines = [e.get("d") for e in root.iter() if e.get("class") == "line"]
    assert lines[0].count("M") == 2  # a gap where there is no value
    with pytest.raises(ValueError, match="has no points"):
        chart([Series("x", looks["x<y"], [Dot(0, None)])], "x", "y", "empty")


def test_names_beside_lines_do_not_overlap():
    looks = styles([f"model {number}" for number in range(6)])
    series = [Series(name, look, [Dot(0, 1), Dot(1, 1.0)]) for name, look in looks.items()]
    text = chart(series, "x", "y", "all the same")
    places = [
        float(y) for y in re.findall(r'name" style="[^"]*" transform="translate\(\S+ (\S+)\)', text)
    ]
    assert len(places) == 6
    assert np.diff(places).min() >= 14


def test_a_model_has_its_colour_whatever_else_is_drawn():
    alone, among = styles(["rife-tiny"]), styles(["mine", "rife-fast", "rife-tiny", "other"])
    assert alone["rife-tiny"].light == among["rife-tiny"].light
    assert len({look.light for look in among.values()}) == 4
    assert len({look.marker for look in among.values()}) == 4
    kin = styles(["rife-fast", "rife-fast@openvino/int8", "runs/a/rife-fast"])
    assert len({look.light for look in kin.values()}) == 1
    assert len({(look.marker, look.dash) for look in kin.values()}) == 3


def test_what_is_text_stays_text():
    table = html_table(["a<b"], [["<script>"], [Markup("<b>bold</b>")], ["1.5"], [None]])
    assert "&lt;script&gt;" in table
    assert "<b>bold</b>" in table
    assert table.count('class="number"') == 2
    whole = page("</title>", "body", data={"x": "</script><script>"})
    assert whole.count("</script>") == 1
    assert "<title>&lt;/title&gt;</title>" in whole
