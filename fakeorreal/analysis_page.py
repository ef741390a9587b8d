"""The page of ``fakeorreal analyze``: one HTML file that needs nothing else and asks nothing of a network."""

import hashlib
from html import escape
from pathlib import Path

import numpy as np

from fakeorreal.analysis_wording import CAVEAT, CLIP_SCORES, clip_score, composed, heading, hidden
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically
from fakeorreal.page_media import GREY, examine, examine_file, png
from fakeorreal.page_parts import (
    PLAYBACK_MINUTES,
    document,
    encoded,
    facts,
    fill,
    notice,
    player,
    reading,
    result,
    sound,
    template,
)
from fakeorreal.wording import clock, printable, probability_at

_COLUMNS = 300  # of a segment's spectrogram
_SIGNED = "0f766eff 14b8a6a0 14b8a600 f8717100 f87171a0 dc2626ff"  # for real, neither, for fake


def check_replaceable(path):
    """Refuse a file that is no page of this package, before any work is done.

    Raises:
        FakeOrRealError: it holds something else.
    """
    path = Path(path)
    if path.is_file() and b'name="generator" content="fakeorreal ' not in path.read_bytes()[:2000]:
        raise FakeOrRealError(f"{path}: is no page of fakeorreal and is left as it is. Name another file.")


def write(path, analysis):
    """Write the page, whole or not at all.

    Args:
        path: HTML file to write.
        analysis: an `analysis.Analysis`.

    Raises:
        FakeOrRealError: the recording can no longer be read.
    """
    p = analysis.prediction
    with open(p.file, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    media = examine_file(p.file, p.seconds, copy=p.seconds / 60 <= PLAYBACK_MINUTES)
    threshold, *band = (probability_at(score, 1 / 2) for score in (p.threshold, *p.unsure_band))
    main = fill(
        "analysis.html",
        text={"name": printable(p.file), "caveat": CAVEAT},
        markup={
            "result": result(p),
            "player": player(p, media, analysis.per_second, threshold=threshold, band=band, unit="probability"),
            "scores": "".join(_score(name, value) for name, value in analysis.clip_scores.items()),
            "facts": facts(p, sha256),
            "missing": notice("Without gradients.", filter(None, [analysis.without_gradients])),
            "segments": "".join(_segment(*numbered) for numbered in enumerate(analysis.segments, 1)),
        },
    )
    more = template("analysis_reading.html")
    page = document(
        "Where does it sound fake?",
        main + reading(p.threshold, p.threshold_from, p.unsure_band, more=more),
        detector=(p.detector, p.detector_version, p.weight_hash),
        style=["analysis.css"],
        script=["analysis.js"],
    )
    write_atomically(path, page.encode())


def _score(name, value):
    title, meaning = CLIP_SCORES[name]
    return (
        f'<tr><td>{escape(title)}</td><td class="number">{escape(clip_score(name, value))}</td>'
        f"<td>{escape(meaning)}</td></tr>"
    )


def _segment(number, segment):
    """The card of a segment."""
    media = examine([segment.samples], len(segment.samples), sr=SAMPLE_RATE, copy=True, most=_COLUMNS, colours=GREY)
    ends = {"from": clock(segment.start), "to": clock(segment.end)}
    return fill(
        "segment.html",
        text={
            **ends,
            "number": number,
            "start": f"{segment.start:.3f}",
            "heading": heading(segment),
            "hidden": hidden(segment),
            "spectrogram": encoded(media.spectrogram),
            "occlusion": _signed_picture(segment.occlusion),
        },
        markup={"audio": sound(media.audio), "gradients": _gradients(segment, ends) if segment.gradients else ""},
    )


def _gradients(segment, ends):
    found = segment.gradients
    if not found.names:
        picture = _signed_picture(found.values)
        text = {**ends, "features": found.features, "picture": picture, "composed": composed(segment)}
        return fill("gradient_map.html", text=text)
    statistics = sorted(zip(found.names, found.values.sum(axis=1), strict=True), key=lambda part: -abs(part[1]))
    bands = [(f"{kHz}–{kHz + 1} kHz", value) for kHz, value in enumerate(found.values.sum(axis=0))]
    return fill(
        "gradient_bars.html",
        text={"composed": composed(segment)},
        markup={"statistics": _bars(statistics), "bands": _bars(bands)},
    )


def _bars(parts):
    """Rows of a table: name, bar to the left (for real) or right (for fake), value."""
    most = max(abs(value) for _, value in parts) or 1
    return "".join(
        f'<tr><td>{escape(name)}</td><td><svg viewBox="-1 0 2 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{"fake" if value > 0 else "real"}" x="{min(value, 0) / most:.3f}" y="0"'
        f' width="{abs(value) / most:.3f}" height="1"/><rect class="zero" x="-.01" y="0" width=".02" height="1"/></svg>'
        f'</td><td class="number">{value:+.2f}</td></tr>'
        for name, value in parts
    )


def _signed_picture(values):
    """Base64 of a PNG: a map with its first row at the bottom, stronger colours for larger values."""
    most = np.abs(values).max() or 1
    return encoded(png(np.rint(31.5 * (1 + values[::-1] / most)).astype(np.uint8), _SIGNED))
