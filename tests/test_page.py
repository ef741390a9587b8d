"""The report page: complete, self-contained, safe whatever a file is called. Its drawing is JavaScript's."""

import base64
import hashlib
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile as sf
from detector_double import DetectorDouble, make_prediction

from fakeorreal import FakeOrRealError, page
from fakeorreal.predict import Record

XSS = "<img src=x onerror=alert(1)>.wav"
VOID = {"meta", "img", "rect", "br", "link", "input"}


class Page(HTMLParser):
    """Elements as (tag, attributes, text inside), in document order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        element = (tag, dict(attributes), [])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self._open:
            text.append(data)

    def all(self, tag, **wanted):
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def one(self, tag, **wanted):
        (element,) = self.all(tag, **wanted)
        return element


@pytest.fixture
def make_page(tmp_path, make_speech):
    """Function ``(*predictions, errors=(), counts=None)`` -> Page; the files of the predictions are made."""

    def make(*predictions, errors=(), counts=None, detector=None):
        records = []
        for prediction in predictions:
            y = make_speech(prediction.seconds, 16000)
            sf.write(prediction.file, np.stack([y, y], axis=1), 16000)
            records.append(Record(prediction.file, prediction, sha256="ab" * 32))
        records += [Record("x", error=error) for error in errors]
        counts = counts or {**Counter(p.verdict for p in predictions), "error": len(errors)}
        path = tmp_path / "new" / "report.html"
        page.write(path, records, detector=detector or DetectorDouble(), counts=Counter(counts))
        assert list(path.parent.iterdir()) == [path]
        return Page(path.read_text(encoding="utf-8"))

    return make


@pytest.fixture
def prediction(tmp_path):
    return make_prediction(str(tmp_path / "talk.wav"), 2.0)


def data_of(parsed):
    return [json.loads(text) for _, text in parsed.all("script", type="application/json")]


# What it says


@pytest.mark.parametrize(
    ("score", "headline", "sentence"),
    [(2.0, "Looks fake", "finds traits"), (-2.0, "Looks real", "finds none"), (0.6, "Cannot tell", "cannot tell")],
)
def test_verdict_in_plain_words(make_page, tmp_path, score, headline, sentence):
    parsed = make_page(make_prediction(str(tmp_path / "talk.wav"), score))
    assert parsed.one("p", **{"class": "verdict"})[1] == headline
    assert sentence in parsed.one("article")[1]


def test_figures(make_page, prediction):
    text = " ".join(make_page(prediction).one("article")[1].split())
    assert "88.1 % probability of fake, at equal odds beforehand" in text
    assert "1 of 3 windows reach the threshold" in text
    for fact in ("ab" * 32, "6.0 s, 44100 Hz, channels: 2", "+2.00, higher = fake", "+0.50, from: the EER on"):
        assert fact in text
    for fact in ("-1.00 to +1.00", "33.3 % (1 of 3)", "0:00.0–0:02.0", "double 0.1, weights 0123456789ab"):
        assert fact in text


def test_gauge(make_page, prediction):
    rects = {attributes["class"]: attributes for attributes, _ in make_page(prediction).all("rect")}
    at = {name: (float(rect["x"]), float(rect["width"])) for name, rect in rects.items()}
    low, high = 100 / (1 + np.exp(1)), 100 / (1 + np.exp(-1))
    assert at["real"] == pytest.approx((0, low), abs=0.01)
    assert at["unsure"] == pytest.approx((low, high - low), abs=0.01)
    assert at["fake"] == pytest.approx((high, 100 - high), abs=0.01)
    assert at["marker"][0] == pytest.approx(88.08, abs=1)


def test_rarer_fakes(make_page, prediction):
    """Likelihood ratio e^2: odds of 1 to 1, 9, 99 and 999 beforehand."""
    table = [text for _, text in make_page(prediction).all("td")]
    expected = [np.exp(2) / (np.exp(2) + others) for others in (1, 9, 99, 999)]
    assert table[0::2] == ["1 in 2", "1 in 10", "1 in 100", "1 in 1000"]
    assert [float(cell.removesuffix(" %")) for cell in table[1::2]] == pytest.approx(100 * np.array(expected), abs=0.05)


def test_caveats_and_who_says_it(make_page, prediction):
    text = " ".join(make_page(prediction).one("body")[1].split())
    for part in ("detector double 0.1", "0123456789ab", "the EER on the validation split of a corpus", "+0.50"):
        assert part in text
    for part in ("no evidence on its own", "A newer generator", "equally likely beforehand", "Space plays"):
        assert part in text
    assert re.search(r"Made on \d{4}-\d\d-\d\d \d\d:\d\d UTC", text)


def test_most_suspicious_seconds(make_page, prediction):
    buttons = [(a, text) for a, text in make_page(prediction).all("button") if "data-start" in a]
    assert [(a["data-start"], a["data-end"], text) for a, text in buttons] == [
        ("0.000", "2.000", "0:00.0–0:02.0 +2.00"),
        ("2.000", "4.000", "0:02.0–0:04.0 +0.00"),
        ("4.000", "6.000", "0:04.0–0:06.0 -2.00"),
    ]


def test_no_suspicious_seconds(make_page, tmp_path):
    parsed = make_page(make_prediction(str(tmp_path / "a.wav"), -3.0))
    assert "None of 3 windows reach the threshold." in parsed.one("article")[1]


def test_warnings(make_page, tmp_path):
    warned = make_prediction(str(tmp_path / "a.wav"), warnings=("It clips.", "It hums."))
    assert [text for _, text in make_page(warned).all("li")][:2] == ["It clips.", "It hums."]
    assert "Take with care" not in make_page(make_prediction(str(tmp_path / "a.wav"))).one("body")[1]


def test_failures_are_listed_and_are_no_verdict(make_page, prediction):
    parsed = make_page(prediction, errors=["b.wav: cannot be decoded."])
    assert "Not analysed, and so neither real nor fake:b.wav: cannot be decoded." in parsed.one("body")[1]
    assert len(parsed.all("article")) == 1


def test_failures_only(make_page):
    parsed = make_page(errors=["b.wav: cannot be decoded."])
    assert parsed.all("article") == [] and "b.wav: cannot be decoded." in parsed.one("body")[1]


def test_several_recordings(make_page, tmp_path):
    predictions = [make_prediction(str(tmp_path / f"{k}.wav"), 2.0 - k) for k in range(3)]
    parsed = make_page(*predictions, counts={"fake": 30, "unsure": 4, "real": 7, "error": 2})
    links = [(a["href"], text) for a, text in parsed.all("a")]
    assert links == [(f"#recording-{k + 1}", str(tmp_path / f"{k}.wav")) for k in range(3)]
    assert [a["id"] for a, _ in parsed.all("article")] == ["recording-1", "recording-2", "recording-3"]
    text = " ".join(parsed.one("header")[1].split())
    assert (
        "43 recordings: 7 real, 30 fake, 4 unsure, 2 not analysed. Shown are the 3 of highest score; 38 are left"
        in text
    )


# What the script gets


def test_data(make_page, prediction):
    (data,) = data_of(make_page(prediction))
    assert data["seconds"] == 6 and data["threshold"] == 0.5 and data["band"] == [-1, 1] and data["nyquist"] == 8
    assert data["regions"] == [[0, 2]]
    assert data["windows"] == [[0, 2, 2], [2, 4, 0], [4, 6, -2]]
    envelope = np.frombuffer(base64.b64decode(data["envelope"]), np.int8).reshape(-1, 2)
    assert len(envelope) == 1000 and (envelope[:, 0] <= 0).all()
    assert np.abs(envelope.astype(int)).max() in (63, 64)  # the fixture peaks at 0.5


def test_pictures_and_sound_are_inside(make_page, prediction):
    parsed = make_page(prediction)
    kind, _, png = parsed.one("img")[0]["src"].partition(",")
    assert kind == "data:image/png;base64" and base64.b64decode(png).startswith(b"\x89PNG")
    kind, _, ogg = parsed.one("audio")[0]["src"].partition(",")
    assert kind == "data:audio/ogg;base64"
    assert sf.info(io.BytesIO(base64.b64decode(ogg))).duration == 6


def test_sound_up_to_a_limit(make_page, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PLAYBACK_MINUTES", 0.15)  # 9 s
    lengths = {"a": 6.0, "b": 4.0, "c": 2.0}
    predictions = [make_prediction(str(tmp_path / f"{name}.wav"), seconds=s) for name, s in lengths.items()]
    articles = [text for _, text in make_page(*predictions).all("article")]
    assert ["Without playback: a page holds 0.15 minutes of sound" in text for text in articles] == [False, True, False]
    assert len(make_page(*predictions).all("audio")) == 2


# Safe, alone, and for everyone


def test_nothing_is_asked_of_a_network(make_page, prediction):
    for tag, attributes, _ in make_page(prediction, errors=["b.wav: bad."]).elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
        assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_policy_allows_this_script_and_style_only(make_page, prediction):
    parsed = make_page(prediction)
    ((policy, _),) = parsed.all("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.strip().split(" ", 1) for rule in policy["content"].split(";"))
    script, style = (
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (parsed.one("script", type=None)[1], parsed.one("style")[1])
    )
    assert rules == {
        "default-src": "'none'",
        "script-src": script,
        "style-src": style,
        "img-src": "data:",
        "media-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


@pytest.mark.parametrize(
    "name", [XSS, '"onload="alert(1).wav', "</script><script>alert(1).wav", "$title ${x} &amp;.wav"]
)
def test_names_are_text(make_page, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    file = name.replace("/", "\u2215")  # no file has a slash in its name, but its folder may be called </script>
    plain = Counter(tag for tag, *_ in make_page(make_prediction("a.wav"), make_prediction("b.wav")).elements)
    detector = DetectorDouble()
    detector.name = detector.threshold_from = name
    hostile = make_prediction(file, detector=name, threshold_from=name, warnings=())
    parsed = make_page(hostile, make_prediction("b.wav"), detector=detector)
    assert Counter(tag for tag, *_ in parsed.elements) == plain
    assert parsed.all("h2", id="name-1")[0][1] == file
    assert parsed.all("a")[0][1] == file and parsed.all("img")[0][0]["alt"] == f"Spectrogram of {file}"
    text = make_page(make_prediction("b.wav", warnings=(name,)), errors=[name]).one("body")[1]
    assert text.count(name) == 2


def test_names_without_tricks(make_page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_page(make_prediction("a\u202evaw.exe.wav")).one("h2", id="name-1")[1] == "a\\u202evaw.exe.wav"


def test_for_everyone(make_page, tmp_path):
    parsed = make_page(*[make_prediction(str(tmp_path / f"{k}.wav"), warnings=("It hums.",)) for k in range(2)])
    assert parsed.one("html")[0]["lang"] == "en" and parsed.one("title")[1]
    assert "width=device-width" in parsed.one("meta", name="viewport")[0]["content"]
    ids = [attributes["id"] for _, attributes, _ in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes, text in parsed.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
        if tag in {"button", "a", "th", "summary"}:
            assert "".join(text).strip()
        if tag in {"img", "canvas", "svg"} or attributes.get("role") == "slider":
            assert attributes.get("alt") or attributes.get("aria-label")
    assert all(attributes["tabindex"] == "0" for attributes, _ in parsed.all("div", role="slider"))
    style = parsed.one("style")[1]
    assert "prefers-color-scheme: dark" in style and "max-width: 44rem" in style


def test_a_file_that_has_gone(tmp_path, prediction):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(FakeOrRealError, match="no such file"):
        page.write(path, [Record("talk.wav", prediction)], detector=DetectorDouble(), counts=Counter(fake=1))
    assert path.read_text() == "old"
