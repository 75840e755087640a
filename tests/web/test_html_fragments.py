"""HTML from numbers and names."""

import pytest

from groupnet_det.web import html_fragments
from groupnet_det.web.draw_result import FoundClass
from groupnet_det.web.speed_comparison import Comparison

EVIL = "<script>alert('1')</script>"


def times(packed, float_seconds=None, **others):
    ratio = float_seconds and float_seconds / packed
    members = {
        "ratio": ratio,
        "packed_bytes": 1_234_567,
        "seen": (80, 96),
        "machine": "CPU <1>",
        **others,
    }
    return Comparison(packed_seconds=packed, float_seconds=float_seconds, **members)


@pytest.mark.parametrize(
    "html",
    [
        html_fragments.problem(EVIL),
        html_fragments.findings_list([FoundClass(name=EVIL, share=1.0)], []),
        html_fragments.findings_list([], [EVIL]),
        html_fragments.comparison(times(1.0, absence=EVIL)),
    ],
    ids=["problem", "finding", "class names", "absence"],
)
def test_what_comes_from_files_is_escaped(html):
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "('1')" not in html


def test_findings_are_bars():
    html = html_fragments.findings_list([FoundClass(name="cat", share=0.256, colour=(1, 2, 3))], [])
    assert "width: 25.6%" in html
    assert "rgb(1, 2, 3)" in html
    assert ">25.6 %<" in html


def test_many_findings_are_counted_and_tiny_ones_left_out():
    findings = [FoundClass(name=str(n), share=0.5) for n in range(15)]
    html = html_fragments.findings_list([*findings, FoundClass(name="tiny", share=0.0001)], [])
    assert html.count("gn-bar") == 12
    assert "and 3 more" in html
    assert "tiny" not in html
    html = html_fragments.findings_list([], ["cat", "dog"])
    assert "Nothing found" in html
    assert "This model looks for: cat, dog." in html
    html = html_fragments.findings_list([], [f"class {i}" for i in range(45)])
    assert "class 39 and 5 more." in html


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(33.2e-6, "33.2 µs"), (2.04e-3, "2.0 ms"), (0.1234, "123 ms"), (1.26, "1.3 s")],
)
def test_times_and_ratio(seconds, text):
    html = html_fragments.comparison(times(seconds, 4 * seconds, float_bytes=20_000_000))
    assert f">{text}<" in html
    assert "4.0 times as fast" in html
    assert "width: 25.0%" in html
    assert "1.23 MB, weights in float32: 20.0 MB" in html
    assert "96 × 80 pixels" in html
    assert "CPU &lt;1&gt;" in html


def test_a_slower_packed_model_is_called_so():
    assert "2.5 times as long" in html_fragments.comparison(times(5.0, 2.0))


def test_int8_beside_float32():
    html = html_fragments.comparison(times(2.0, 8.0, int8_seconds=3.0, int8_ratio=1.5))
    assert "<b>4.0 times as fast</b> as float32." in html
    assert "<b>1.5 times as fast</b> as int8." in html
    assert "OpenVINO" in html
    slower = html_fragments.comparison(times(2.0, 8.0, int8_seconds=1.0, int8_ratio=0.5))
    assert "<b>2.0 times as long</b> as int8" in slower
    missing = html_fragments.comparison(times(2.0, 8.0, int8_absence=EVIL))
    assert "No time of int8: &lt;script" in missing
    assert "OpenVINO" not in missing
