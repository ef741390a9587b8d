"""What the pages of the package are made of: the document, the verdict, the player, and filling templates.

Text is escaped where it reaches a template; markup comes from the package and its templates only. The content security
policy allows the one script and the one style sheet of a page, by hash, and no connection at all.
"""

import base64
import datetime
import hashlib
import json
from html import escape
from importlib import resources
from string import Template

from fakeorreal import __version__, audio
from fakeorreal.wording import VERDICTS, percent, printable, probability_at, stretches

PLAYBACK_MINUTES = 30  # of sound on one page, about 9 MB; a recording that does not fit in any more is not played
HEADLINES = {"fake": "Looks fake", "real": "Looks real", "unsure": "Cannot tell"}


def document(title, main, *, detector, counts="", style=(), script=()):
    """A page that needs nothing else and asks nothing of a network.

    Args:
        title: text.
        main: markup.
        detector: its name, version and weight hash.
        counts: text on how many recordings there are.
        style, script: templates besides those of all pages.

    Returns:
        str: HTML.
    """
    style, script = (
        "\n".join(template(name) for name in names) for names in (("report.css", *style), ("report.js", *script))
    )
    name, version, weight_hash = detector
    return fill(
        "page.html",
        text={
            "title": title,
            "package_version": __version__,
            "made": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
            "detector": name,
            "detector_version": version,
            "weight_hash": weight_hash,
            "counts": counts,
        },
        markup={
            "policy": f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
            "img-src data:; media-src data:; base-uri 'none'; form-action 'none'",
            "style": style,
            "script": script,
            "main": main,
        },
    )


def result(p):
    """Verdict, probability on a gauge, and warnings of a `detector.Prediction`."""
    low, high = (100 * probability_at(score, 1 / 2) for score in p.unsure_band)
    return fill(
        "result.html",
        text={
            "verdict": p.verdict,
            "headline": HEADLINES[p.verdict],
            "sentence": VERDICTS[p.verdict],
            "probability": percent(p.probability_fake),
            "low_x": f"{low:.2f}",
            "band_x": f"{high - low:.2f}",
            "high_x": f"{high:.2f}",
            "fake_x": f"{100 - high:.2f}",
            "marker_x": f"{99 * p.probability_fake:.2f}",  # the marker is 1 wide
        },
        markup={"warnings": notice("Take with care:", p.warnings)},
    )


def player(p, media, values, *, threshold, band, unit, limit=PLAYBACK_MINUTES):
    """Waveform, spectrogram and values over time under a playhead.

    Args:
        p: `detector.Prediction`.
        media: its `page_media.Media`; without a copy to listen to there is no playback.
        values: (start, end, value) in seconds.
        threshold: value from which on a stretch looks fake.
        band: (low, high) of values that are unsure.
        unit: ``score``, or ``probability`` of 0 to 1.
        limit: minutes of sound that the page holds, to be named where a recording did not fit in.
    """
    data = {
        "seconds": round(p.seconds, 3),
        "nyquist": audio.SAMPLE_RATE / 2000,  # kHz
        "threshold": threshold,
        "band": band,
        "regions": p.regions,
        "windows": [[round(float(number), 3) for number in value] for value in values],
        "unit": unit,
        "envelope": encoded(media.envelope.tobytes()),
    }
    return fill(
        "player.html",
        text={
            "name": printable(p.file),
            "unit": unit,
            "playback": "Playback is a compressed copy of what the detector hears: 16 kHz, one channel."
            if media.audio
            else f"Without playback: a page holds {limit} minutes of sound, and this does not fit in.",
            "spectrogram": encoded(media.spectrogram),
        },
        markup={
            "audio": sound(media.audio) if media.audio else "",
            "data": json.dumps(data, allow_nan=False),  # numbers and base64: nothing that markup could hide in
        },
    )


def facts(p, sha256):
    """What was judged by what, for the record."""
    low, high = p.unsure_band
    reach = sum(score >= p.threshold for *_, score in p.windows)
    named = {
        "File": printable(p.file),
        "SHA-256": sha256,
        "Recording": f"{p.seconds:.1f} s, {p.sample_rate} Hz, channels: {p.channels}",
        "Score": f"{p.score:+.2f}, higher = fake",
        "Threshold": f"{p.threshold:+.2f}, from: {p.threshold_from}",
        "Unsure": f"{low:+.2f} to {high:+.2f}",
        "Windows that look fake": f"{percent(p.fake_share)} ({reach} of {len(p.windows)})",
        "Suspicious stretches": stretches(p.regions, most=100),
        "Detector": f"{p.detector} {p.detector_version}, weights {p.weight_hash}",
    }
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in named.items())


def reading(threshold, threshold_from, unsure, *, more=""):
    """How to read a page: what scores mean and what they cannot tell; ``more`` is markup of further entries."""
    text = {"threshold": f"{threshold:+.2f}", "threshold_from": threshold_from}
    low, high = unsure
    return fill("reading.html", text={**text, "low": f"{low:+.2f}", "high": f"{high:+.2f}"}, markup={"more": more})


def sound(data):
    """Ogg/Opus to be played by a script."""
    return f'<audio preload="auto" src="data:audio/ogg;base64,{encoded(data)}"></audio>'


def notice(title, sentences):
    items = "".join(f"<li>{escape(printable(sentence))}</li>" for sentence in sentences)
    return f'<div class="notice"><b>{escape(title)}</b><ul>{items}</ul></div>' if items else ""


def fill(name, *, text=None, markup=None):
    """A template with its places filled: ``text`` is escaped, ``markup`` is not."""
    escaped = {key: escape(str(value)) for key, value in (text or {}).items()}
    return Template(template(name)).substitute(escaped, **(markup or {}))


def template(name):
    return resources.files("fakeorreal").joinpath("templates", name).read_text(encoding="utf-8")


def encoded(data):
    return base64.b64encode(data).decode()


def _source(inline):
    """A content-security-policy source: the hash of an inline script or style sheet."""
    return f"'sha256-{encoded(hashlib.sha256(inline.encode()).digest())}'"
