"""The report of ``fakeorreal predict --report``: one HTML file that needs nothing else and asks nothing of a network.

Text is escaped where it reaches a template; markup comes from here and from the templates only. The content security
policy allows the one script and the one style sheet of the page, by hash, and no connection at all.
"""

import base64
import datetime
import hashlib
import json
from html import escape
from importlib import resources
from string import Template

from fakeorreal import __version__, audio, streams
from fakeorreal.files import write_atomically
from fakeorreal.page_media import examine
from fakeorreal.wording import VERDICTS, clock, percent, printable, probability_at, stretches

PLAYBACK_MINUTES = 30  # of sound on one page, about 9 MB; a recording that does not fit in any more is not played
MOMENTS = 6  # suspicious windows named for a recording
HEADLINES = {"fake": "Looks fake", "real": "Looks real", "unsure": "Cannot tell"}
FAKES_BEFOREHAND = {"1 in 2": 1 / 2, "1 in 10": 1 / 10, "1 in 100": 1 / 100, "1 in 1000": 1 / 1000}


def write(path, records, *, detector, counts):
    """Write the report, whole or not at all.

    Args:
        path: HTML file to write.
        records: `predict.Record` in the order of the page; failures are listed apart.
        detector: the `detector.Detector` that made them.
        counts: files by ``real``, ``fake``, ``unsure`` and ``error``, with those that have no record here.

    Raises:
        FakeOrRealError: a file that can no longer be read.
    """
    found = [record for record in records if record.prediction]
    failed = [record for record in records if record.error]
    sections, minutes = [], 0
    for number, record in enumerate(found, 1):
        fits = minutes + record.prediction.seconds / 60 <= PLAYBACK_MINUTES
        minutes += record.prediction.seconds / 60 if fits else 0
        sections.append(_section(number, record, playback=fits))
    style, script = _template("report.css"), _template("report.js")
    page = _fill(
        "report.html",
        text={
            "title": "Real or fake voice?",
            "package_version": __version__,
            "made": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
            "detector": detector.name,
            "detector_version": detector.version,
            "weight_hash": detector.hash,
            "counts": _count(counts, len(found)),
            "threshold": f"{detector.threshold:+.2f}",
            "threshold_from": detector.threshold_from,
            "low": f"{detector.unsure[0]:+.2f}",
            "high": f"{detector.unsure[1]:+.2f}",
        },
        markup={
            "policy": f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
            "img-src data:; media-src data:; base-uri 'none'; form-action 'none'",
            "style": style,
            "script": script,
            "contents": _contents(found) if len(found) > 1 else "",
            "failures": _notice("Not analysed, and so neither real nor fake:", [record.error for record in failed]),
            "sections": "\n".join(sections),
        },
    )
    write_atomically(path, page.encode())


def _section(number, record, *, playback):
    """One recording."""
    p = record.prediction
    name = printable(p.file)
    media = _media(p, copy=playback)
    low, high = (100 * probability_at(score, 1 / 2) for score in p.unsure_band)
    top = sorted(p.windows, key=lambda window: -window[2])[:MOMENTS]
    reach = sum(score >= p.threshold for *_, score in p.windows)
    data = {
        "seconds": round(p.seconds, 3),
        "nyquist": audio.SAMPLE_RATE / 2000,  # kHz
        "threshold": p.threshold,
        "band": p.unsure_band,
        "regions": p.regions,
        "windows": [[round(float(value), 3) for value in window] for window in p.windows],
        "envelope": _base64(media.envelope.tobytes()),
    }
    facts = {
        "File": name,
        "SHA-256": record.sha256,
        "Recording": f"{p.seconds:.1f} s, {p.sample_rate} Hz, channels: {p.channels}",
        "Score": f"{p.score:+.2f}, higher = fake",
        "Threshold": f"{p.threshold:+.2f}, from: {p.threshold_from}",
        "Unsure": f"{p.unsure_band[0]:+.2f} to {p.unsure_band[1]:+.2f}",
        "Windows that look fake": f"{percent(p.fake_share)} ({reach} of {len(p.windows)})",
        "Suspicious stretches": stretches(p.regions, most=100),
        "Detector": f"{p.detector} {p.detector_version}, weights {p.weight_hash}",
    }
    return _fill(
        "section.html",
        text={
            "number": number,
            "name": name,
            "verdict": p.verdict,
            "headline": HEADLINES[p.verdict],
            "sentence": VERDICTS[p.verdict],
            "probability": percent(p.probability_fake),
            "low_x": f"{low:.2f}",
            "band_x": f"{high - low:.2f}",
            "high_x": f"{high:.2f}",
            "fake_x": f"{100 - high:.2f}",
            "marker_x": f"{99 * p.probability_fake:.2f}",  # the marker is 1 wide
            "playback": "Playback is a compressed copy of what the detector hears: 16 kHz, one channel."
            if playback
            else f"Without playback: a page holds {PLAYBACK_MINUTES} minutes of sound, and this does not fit in.",
            "spectrogram": _base64(media.spectrogram),
            "suspicion": f"{reach or 'None'} of {len(p.windows)} windows reach the threshold. "
            + ("Press to hear the highest:" if playback else "The highest:"),
        },
        markup={
            "warnings": _notice("Take with care:", p.warnings),
            "audio": f'<audio preload="auto" src="data:audio/ogg;base64,{_base64(media.audio)}"></audio>'
            if playback
            else "",
            "data": json.dumps(data, allow_nan=False),  # numbers and base64: nothing that markup could hide in
            "moments": "".join(
                f'<li><button type="button" data-start="{start:.3f}" data-end="{end:.3f}">'
                f"{clock(start)}–{clock(end)} <b>{score:+.2f}</b></button></li>"
                for start, end, score in top
            ),
            "priors": "".join(
                f"<tr><td>{name}</td><td>{escape(percent(probability_at(p.score, share)))}</td></tr>"
                for name, share in FAKES_BEFOREHAND.items()
            ),
            "facts": "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()),
        },
    )


def _media(prediction, *, copy):
    stream = streams.open_stream(prediction.file)
    mono = (block.mean(axis=1) for block in stream)
    blocks = audio.resampled(mono, sr_from=stream.rate, sr_to=audio.SAMPLE_RATE)
    return examine(blocks, round(prediction.seconds * audio.SAMPLE_RATE), sr=audio.SAMPLE_RATE, copy=copy)


def _contents(records):
    """The table of several recordings, with links to their sections."""
    rows = "".join(
        f'<tr><td><a href="#recording-{number}">{escape(printable(p.file))}</a></td>'
        f'<td class="{p.verdict}">{HEADLINES[p.verdict]}</td>'
        f'<td class="number">{escape(percent(p.probability_fake))}</td>'
        f'<td class="number wide">{p.score:+.2f}</td><td class="number wide">{escape(percent(p.fake_share))}</td>'
        f'<td class="number wide">{clock(p.seconds)}</td></tr>'
        for number, p in enumerate((record.prediction for record in records), 1)
    )
    return _fill("contents.html", markup={"rows": rows})


def _count(counts, shown):
    total = sum(counts.values())
    parts = [f"{counts[name]} {name}" for name in ("real", "fake", "unsure")] + [f"{counts['error']} not analysed"]
    text = f"{total} recordings: {', '.join(parts)}." if total > 1 else ""
    left = total - counts["error"] - shown
    return f"{text} Shown are the {shown} of highest score; {left} are left out." if left else text


def _notice(title, sentences):
    items = "".join(f"<li>{escape(printable(sentence))}</li>" for sentence in sentences)
    return f'<div class="notice"><b>{escape(title)}</b><ul>{items}</ul></div>' if items else ""


def _fill(name, *, text=None, markup=None):
    """A template with its places filled: ``text`` is escaped, ``markup`` is not."""
    escaped = {key: escape(str(value)) for key, value in (text or {}).items()}
    return Template(_template(name)).substitute(escaped, **(markup or {}))


def _template(name):
    return resources.files("fakeorreal").joinpath("templates", name).read_text(encoding="utf-8")


def _source(inline):
    """A content-security-policy source: the hash of an inline script or style sheet."""
    return f"'sha256-{_base64(hashlib.sha256(inline.encode()).digest())}'"


def _base64(data):
    return base64.b64encode(data).decode()
