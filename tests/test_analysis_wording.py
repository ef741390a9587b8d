"""What is said of an analysis."""

import numpy as np
import pytest
from analysis_double import make_analysis, make_gradients, make_segment

from fakeorreal import analysis_wording as wording
from fakeorreal.analysis import Segment


def with_occlusion(**places):
    occlusion = np.zeros((8, 8), np.float32)
    for place, value in places.items():
        occlusion[int(place[1]), int(place[2])] = value
    return Segment(2.0, 4.0, 1.5, np.zeros(32000, np.float32), occlusion, None)


def test_heading():
    assert wording.heading(make_segment()) == "0:02.0–0:04.0  score +1.50, probability of fake 81.8 %"


@pytest.mark.parametrize(
    ("segment", "sentence"),
    [
        (
            make_segment(),
            "Hiding 2–3 kHz around 0:03.1 takes most from the score: 0.75. "
            "Hiding 7–8 kHz around 0:02.1 adds most to it: 0.25.",
        ),
        (with_occlusion(p00=0.5), "Hiding 0–1 kHz around 0:02.1 takes most from the score: 0.50."),
        (with_occlusion(p77=-1.25), "Hiding 7–8 kHz around 0:03.9 adds most to it: 1.25."),
        (with_occlusion(), "Hiding any part of it leaves the score as it is."),
    ],
)
def test_what_hiding_does(segment, sentence):
    assert wording.hidden(segment) == sentence


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("map", "Most for fake speaks: the sound around 0:03.4 (+2.50). "),
        ("measures", "Most for fake speaks: how fast (+4.50), and 1–2 kHz (+4.50). "),
    ],
)
def test_what_the_score_is_made_of(kind, sentence):
    total = "From the -1.00 of an average input, the parts lead to +1.50 of +1.50; the gap is 0.4 %."
    assert wording.composed(make_segment(gradients=kind)) == sentence + total


@pytest.mark.parametrize("kind", ["map", "measures"])
def test_where_nothing_speaks_for_fake(kind):
    segment = make_segment(gradients=kind)
    segment.gradients.values[:] = -abs(make_gradients(kind).values)
    assert wording.composed(segment).startswith("From the -1.00 of an average input")


def test_report():
    text = wording.report(make_analysis("talk.wav"))
    assert text.startswith("talk.wav\n  Verdict                 fake. ")
    assert "\nClip scores\n  RMS of probabilities    58.9 %\n  Mean probability        50.0 %\n" in text
    assert (
        "  Highest probability     88.1 %\n  Mean score              +2.00\n  Share above threshold   33.3 %\n" in text
    )
    assert "\nSegments that triggered the detector most\n  1. 0:00.0–0:02.0  score +2.00" in text
    assert "\n  2. 0:02.0–0:04.0  score +0.00" in text and "Without gradients" not in text
    assert text.endswith("Hiding 7–8 kHz around 0:02.1 adds most to it: 0.25.\n\n" + wording.CAVEAT)


def test_report_without_gradients():
    text = wording.report(make_analysis(gradients=None, missing="There is no TensorFlow."))
    assert "\nWithout gradients. There is no TensorFlow.\n" in text


def test_every_clip_score_has_a_meaning():
    assert list(wording.CLIP_SCORES) == list(make_analysis().clip_scores)
