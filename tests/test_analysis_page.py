"""The page of an analysis: complete, self-contained, safe; pictures show the maps they are given."""

import base64
import hashlib
import io
import json
from collections import Counter

import numpy as np
import pytest
import soundfile as sf
from analysis_double import STATISTICS, make_analysis
from PIL import Image
from test_page import XSS, Page

from fakeorreal import analysis_page
from fakeorreal.errors import FakeOrRealError


@pytest.fixture
def make_page(tmp_path, make_speech):
    """Function ``(analysis)`` -> Page; its recording is made."""

    def make(analysis):
        p = analysis.prediction
        sf.write(p.file, make_speech(p.seconds, 16000), 16000)
        path = tmp_path / "new" / "analysis.html"
        analysis_page.write(path, analysis)
        assert list(path.parent.iterdir()) == [path]
        return Page(path.read_text(encoding="utf-8"))

    return make


@pytest.fixture
def talk(tmp_path):
    return str(tmp_path / "talk.wav")


def words(text):
    return " ".join(text.split())


def picture(attributes):
    """RGBA, the first band first."""
    kind, _, data = attributes["src"].partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))[::-1].astype(int)


# What it says


def test_verdict_and_clip_scores(make_page, talk):
    parsed = make_page(make_analysis(talk))
    assert parsed.one("p", **{"class": "verdict"})[1] == "Looks fake"
    table = parsed.one("table", **{"class": "scores"})[1]
    for part in ("RMS of probabilities58.9 %", "Mean probability50.0 %", "Highest probability88.1 %"):
        assert part in table
    for part in ("Mean score+2.00", "Share above threshold33.3 %", "The verdict rests on it.", "Root of the mean"):
        assert part in table


def test_facts(make_page, talk):
    text = make_page(make_analysis(talk)).one("dl", **{"class": "facts"})[1]
    with open(talk, "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() in text
    assert "double 0.1, weights 0123456789ab" in text and "0:00.0–0:02.0" in text


def test_seconds_with_threshold_and_band(make_page, talk):
    analysis = make_analysis(talk)
    (data,) = [json.loads(text) for _, text in make_page(analysis).all("script", type="application/json")]
    assert data["unit"] == "probability" and data["seconds"] == 6
    np.testing.assert_allclose(data["windows"], analysis.per_second, atol=1e-3)
    assert data["threshold"] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert data["band"] == pytest.approx([1 / (1 + np.exp(1)), 1 / (1 + np.exp(-1))])


def test_a_card_for_each_segment(make_page, talk):
    parsed = make_page(make_analysis(talk))
    cards = parsed.all("article", **{"class": "segment"})
    assert [a["data-start"] for a, _ in cards] == ["0.000", "2.000"]
    assert "1. 0:00.0–0:02.0 score +2.00, probability of fake 88.1 %" in words(cards[0][1])
    assert "Hiding 2–3 kHz around 0:01.1 takes most from the score: 0.75." in words(cards[0][1])
    assert "Most for fake speaks: the sound around 0:03.4" in words(cards[1][1])
    assert "the gap is 0.4 %" in words(cards[1][1]) and "no evidence" in words(parsed.one("main")[1])
    assert [a["aria-label"] for a, _ in parsed.all("button", **{"class": "play"})][1:] == [
        "Play segment 1",
        "Play segment 2",
    ]


def test_sounds_are_the_recording_and_its_segments(make_page, talk):
    analysis = make_analysis(talk)
    sounds = [base64.b64decode(a["src"].partition(",")[2]) for a, _ in make_page(analysis).all("audio")]
    assert [sf.info(io.BytesIO(sound)).duration for sound in sounds] == [6, 2, 2]
    for sound, segment in zip(sounds[1:], analysis.segments, strict=True):
        heard = sf.read(io.BytesIO(sound), dtype="float32")[0]
        assert np.corrcoef(heard, segment.samples)[0, 1] > 0.8  # noise, which Opus keeps less well than speech


def test_a_long_recording_has_its_segments_played_alone(make_page, talk, monkeypatch):
    monkeypatch.setattr(analysis_page, "PLAYBACK_MINUTES", 0.05)  # 3 s
    parsed = make_page(make_analysis(talk))
    assert len(parsed.all("audio")) == 2 and "Without playback" in parsed.one("main")[1]


# What its pictures show


def test_occlusion_in_colour_over_the_spectrogram(make_page, talk):
    for attributes, _ in make_page(make_analysis(talk)).all("img", alt="Score lost by hiding, over time and frequency"):
        found = picture(attributes)
        assert found.shape == (8, 8, 4)
        red, green, _, alpha = found[2, 4]
        assert red > 3 * green and alpha == 255  # the largest value
        red, green, _, alpha = found[7, 0]
        assert green > 2 * red and 30 < alpha < 150  # a third of it, for real
        rest = np.ones((8, 8), bool)
        rest[2, 4] = rest[7, 0] = False
        assert found[rest][:, 3].max() < 10


def test_a_gradient_map(make_page, talk):
    images = make_page(make_analysis(talk)).all("img", alt="Attribution to LogSTFT, over time and bands")
    assert len(images) == 2
    found = picture(images[0][0])
    assert found.shape == (16, 8, 4)
    assert np.argwhere(found[..., 3] > 10).tolist() == [[3, 5]]
    assert found[3, 5, 0] > 3 * found[3, 5, 1]


def test_bars_of_measures(make_page, talk):
    parsed = make_page(make_analysis(talk, gradients="measures"))
    rows = [words(text) for _, text in parsed.all("tr")]
    assert [row for row in rows if row.startswith("how")][:2] == ["how fast+5.00", f"{STATISTICS[1]}-2.00"]
    assert "1–2 kHz+5.00" in rows and "6–7 kHz-2.00" in rows and "0–1 kHz+0.00" in rows
    bars = [(a["class"], float(a["x"]), float(a["width"])) for a, _ in parsed.all("rect") if "class" in a]
    bars = [bar for bar in bars if bar[0] in ("fake", "real") and bar[2] <= 1]
    assert ("fake", 0, 1) in bars and ("real", -0.4, 0.4) in bars


def test_without_gradients_the_reason_is_said_once(make_page, talk):
    parsed = make_page(make_analysis(talk, gradients=None, missing="There is no TensorFlow."))
    assert parsed.one("main")[1].count("There is no TensorFlow.") == 1
    assert len(parsed.all("figure")) == 2 and "by gradients" not in parsed.all("section")[-2][1]


# Safe, alone, and for everyone


@pytest.mark.parametrize("kind", ["map", "measures"])
def test_nothing_is_asked_of_a_network(make_page, talk, kind):
    for tag, attributes, _ in make_page(make_analysis(talk, gradients=kind)).elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
        assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_policy_allows_this_script_and_style_only(make_page, talk):
    parsed = make_page(make_analysis(talk))
    policy = parsed.one("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    for text, kind in ((parsed.one("script", type=None)[1], "script"), (parsed.one("style")[1], "style")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';") and "connect-src" not in policy


@pytest.mark.parametrize("name", [XSS, '"onload="alert(1).wav', "$title ${x} &amp;.wav"])
def test_names_are_text(make_page, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    plain = Counter(tag for tag, *_ in make_page(make_analysis("a.wav", gradients="measures")).elements)
    hostile = make_analysis(
        name, gradients="measures", missing="", detector=name, threshold_from=name, detector_version=name
    )
    parsed = make_page(hostile)
    assert Counter(tag for tag, *_ in parsed.elements) == plain
    assert parsed.one("h2", id="name")[1] == name
    assert make_page(make_analysis("a.wav", missing=name)).one("main")[1].count(name) == 1


def test_for_everyone(make_page, talk):
    parsed = make_page(make_analysis(talk, gradients="measures"))
    ids = [attributes["id"] for _, attributes, _ in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes, text in parsed.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
        if tag in {"button", "th", "summary"}:
            assert "".join(text).strip()
        if tag in {"img", "canvas", "svg"}:
            assert attributes.get("alt") or attributes.get("aria-label") or attributes.get("aria-hidden")
    style = parsed.one("style")[1]
    assert "prefers-color-scheme: dark" in style and ".maps { grid-template-columns: minmax(0, 1fr); }" in style


def test_size(make_page, tmp_path, talk):
    make_page(make_analysis(talk))
    assert (tmp_path / "new" / "analysis.html").stat().st_size < 1e6


# What it may take the place of


def test_a_page_may_be_written_anew(make_page, talk, tmp_path):
    path = tmp_path / "new" / "analysis.html"
    analysis_page.check_replaceable(path)  # not there yet
    make_page(make_analysis(talk))
    analysis_page.check_replaceable(path)


@pytest.mark.parametrize("content", [b"", b"<!doctype html><title>My thesis</title>", b"RIFF" + bytes(3000)])
def test_something_else_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "analysis.html"
    path.write_bytes(content)
    with pytest.raises(FakeOrRealError, match=r"is no page of fakeorreal and is left as it is\. Name another file\."):
        analysis_page.check_replaceable(path)


def test_a_file_that_has_gone(tmp_path, talk):
    path = tmp_path / "analysis.html"
    path.write_text("old")
    with pytest.raises((FakeOrRealError, OSError), match=r"talk\.wav"):
        analysis_page.write(path, make_analysis(talk))
    assert path.read_text() == "old"
