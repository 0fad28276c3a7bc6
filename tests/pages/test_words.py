import pytest

from portal.templatetags.icons import PATHS, icon
from portal.templatetags.languages import direction
from portal.templatetags.markdown import markdown
from portal.templatetags.numbers import decimal, duration, percent, signed, timecode, upto

PAYLOADS = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "<a href='javascript:alert(1)'>x</a>",
    '<svg onload="alert(1)">',
    "![x](https://elsewhere.example/pixel.png)",
    "<iframe src=//evil.example></iframe>",
    "`</code><script>alert(1)</script>`",
    '[x](https://a.example "><script>alert(1)</script>")',
    "<style>*{display:none}</style>",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_leaves_nothing_that_runs_or_reports(payload):
    html = markdown(payload)
    for forbidden in (
        "<script",
        "<img",
        "<svg",
        "<iframe",
        "<style",
        'href="javascript',
        'href="data',
    ):
        assert forbidden not in html.lower()


def test_markdown_keeps_what_guidelines_need():
    html = markdown(
        "# Say\n\n- **what** moves\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[book](https://a.example)"
    )
    for kept in ("<h3>Say</h3>", "<strong>what</strong>", "<td>1</td>", 'href="https://a.example"'):
        assert kept in html
    assert 'rel="noopener noreferrer nofollow"' in html


@pytest.mark.parametrize(
    ("tag", "written"),
    [("en", "ltr"), ("ar", "rtl"), ("ar-EG", "rtl"), ("he", "rtl"), ("az-Arab", "rtl"),
     ("ur-Latn", "ltr"), ("zh-Hant-TW", "ltr"), ("", "ltr")],
)  # fmt: skip
def test_the_script_decides_the_direction_where_a_tag_names_one(tag, written):
    assert direction(tag) == written


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (percent(0.873), "87\u202f%"),
        (percent(None), "–"),
        (timecode(75.5), "1:15.5"),
        (timecode(59.97), "1:00.0"),
        (timecode(0), "0:00.0"),
        (duration(8.25), "8 s"),
        (duration(75), "1 min 15 s"),
        (duration(7260), "2 h 1 min"),
        (duration(None), "–"),
        (decimal(0.4567), "0.46"),
        (signed(0.4567), "+0.46"),
        (signed(-0.4567), "\u22120.46"),
        (signed(-0.0001), "0.00"),
        (upto(100), "99+"),
        (upto(99), "99"),
    ],
)
def test_numbers_read_as_people_write_them(shown, text):
    assert shown == text


@pytest.mark.parametrize("name", PATHS)
def test_icons_are_decoration(name):
    assert 'aria-hidden="true"' in icon(name)
