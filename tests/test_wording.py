"""What is said of a prediction."""

from math import log

import pytest
from detector_double import DetectorDouble, make_prediction

from fakeorreal import wording


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße 你好 a b.wav", "Grüße 你好 a b.wav"),
        ("a\nb\r\t.wav", "a\\nb\\r\\t.wav"),
        ("\x1b[31mred.wav", "\\x1b[31mred.wav"),
        ("photo\u202evaw.exe", "photo\\u202evaw.exe"),  # right to left: would show as photoexe.wav
        ("not\udcff utf-8.wav", "not\\udcff utf-8.wav"),
        ("line\u2028separator", "line\\u2028separator"),
    ],
)
def test_printable(text, shown):
    assert wording.printable(text) == shown
    assert wording.printable(shown) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        (0, "0.0 %"),
        (1e-9, "<0.1 %"),
        (0.0004, "<0.1 %"),
        (0.0006, "0.1 %"),
        (0.5, "50.0 %"),
        (0.9994, "99.9 %"),
        (0.99999, ">99.9 %"),
        (1, "100.0 %"),
    ],
)
def test_percent_never_rounds_to_certainty(fraction, shown):
    assert wording.percent(fraction) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00.0"),
        (7.06, "0:07.1"),
        (59.96, "1:00.0"),
        (247.5, "4:07.5"),
        (3599.96, "1:00:00.0"),
        (3847.5, "1:04:07.5"),
    ],
)
def test_clock(seconds, shown):
    assert wording.clock(seconds) == shown


def test_stretches():
    regions = ((0.0, 2.0), (60.0, 62.5), (70.0, 72.0))
    assert wording.stretches(regions) == "0:00.0–0:02.0, 1:00.0–1:02.5, 1:10.0–1:12.0"
    assert wording.stretches(regions, most=1) == "0:00.0–0:02.0 and 2 more"
    assert wording.stretches(()) == "none"


def test_probability_at_other_shares_of_fakes():
    """Nine times likelier for a fake, 1 in 100 fake: of 10,000, 0.9 x 100 fakes to 0.1 x 9,900 real ones."""
    assert wording.probability_at(log(9), 1 / 2) == pytest.approx(0.9)
    assert wording.probability_at(log(9), 1 / 100) == pytest.approx(90 / (90 + 990))
    assert wording.probability_at(-5000.0, 1 / 2) == 0 and wording.probability_at(5000.0, 1 / 2) == 1


def test_account_names_everything():
    text = wording.account(make_prediction("talk\x1b.wav", 2.0, warnings=("It clips.", "It hisses.")))
    for part in ("talk\\x1b.wav", "fake. The detector finds", "88.1 %", "+2.00", "+0.50", "-1.00 to +1.00"):
        assert part in text
    for part in ("33.3 % of 3", "0:00.0–0:02.0", "6.0 s, 44100 Hz, channels: 2", "It clips.", "It hisses."):
        assert part in text
    assert "likely beforehand" in text


def test_table_lines_stand_under_the_header():
    for verdict, score in (("fake", 9.0), ("unsure", 0.0), ("real", -12.25)):
        line = wording.table_line(make_prediction("b.wav", score))
        assert line.startswith(verdict)
        assert line.index("b.wav") == wording.TABLE_HEADER.index("file")
        assert line[:24].endswith(f"{score:+.2f}") and wording.TABLE_HEADER[:24].endswith("score")


def test_table_line_with_warnings():
    first, second = wording.table_line(make_prediction(warnings=("It clips.",))).split("\n")
    assert first.endswith("a.wav") and second.strip() == "! It clips."


def test_explanation_of_score_and_probability():
    text = " ".join(wording.explanation(DetectorDouble()).split())
    for part in ("higher = fake", "+0.50", "the EER on the validation split of a corpus", "-1.00 and +1.00"):
        assert part in text
    for part in ("equally likely beforehand", "no evidence on its own", "double 0.1", "0123456789ab"):
        assert part in text
    assert all(len(line) <= 100 for line in wording.explanation(DetectorDouble()).split("\n"))


def test_summary():
    counts = {"real": 3, "fake": 1, "unsure": 2, "error": 1}
    text = wording.summary(counts, 7200.0, 30.0, standing=0)
    assert text == "7 files: 3 real, 1 fake, 2 unsure, 1 failed. 2.00 hours of audio in 30.0 s, 240 times real time."
    assert wording.summary(counts, 0.0, 0.1, standing=6).endswith("6 of them stood in the CSV already.")
