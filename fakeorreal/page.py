"""The report of ``fakeorreal predict --report``: one HTML file that needs nothing else and asks for nothing."""

from html import escape

from fakeorreal.files import write_atomically
from fakeorreal.page_media import examine_file
from fakeorreal.page_parts import HEADLINES, PLAYBACK_MINUTES, document, facts, fill, notice, player, reading, result
from fakeorreal.wording import clock, percent, printable, probability_at

MOMENTS = 6  # suspicious windows named for a recording
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
    failed = [record.error for record in records if record.error]
    sections, minutes = [], 0
    for number, record in enumerate(found, 1):
        fits = minutes + record.prediction.seconds / 60 <= PLAYBACK_MINUTES
        minutes += record.prediction.seconds / 60 if fits else 0
        sections.append(_section(number, record, playback=fits))
    parts = [
        _contents(found) if len(found) > 1 else "",
        notice("Not analysed, and so neither real nor fake:", failed),
        *sections,
        reading(detector.threshold, detector.threshold_from, detector.unsure),
    ]
    page = document(
        "Real or fake voice?",
        "\n".join(parts),
        detector=(detector.name, detector.version, detector.hash),
        counts=_count(counts, len(found)),
    )
    write_atomically(path, page.encode())


def _section(number, record, *, playback):
    """One recording."""
    p = record.prediction
    media = examine_file(p.file, p.seconds, copy=playback)
    top = sorted(p.windows, key=lambda window: -window[2])[:MOMENTS]
    reach = sum(score >= p.threshold for *_, score in p.windows)
    return fill(
        "section.html",
        text={
            "number": number,
            "name": printable(p.file),
            "suspicion": f"{reach or 'None'} of {len(p.windows)} windows reach the threshold. "
            + ("Press to hear the highest:" if playback else "The highest:"),
        },
        markup={
            "result": result(p),
            "player": player(
                p, media, p.windows, threshold=p.threshold, band=p.unsure_band, unit="score", limit=PLAYBACK_MINUTES
            ),
            "moments": "".join(
                f'<li><button type="button" data-start="{start:.3f}" data-end="{end:.3f}">'
                f"{clock(start)}–{clock(end)} <b>{score:+.2f}</b></button></li>"
                for start, end, score in top
            ),
            "priors": "".join(
                f"<tr><td>{name}</td><td>{escape(percent(probability_at(p.score, share)))}</td></tr>"
                for name, share in FAKES_BEFOREHAND.items()
            ),
            "facts": facts(p, record.sha256),
        },
    )


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
    return fill("contents.html", markup={"rows": rows})


def _count(counts, shown):
    total = sum(counts.values())
    parts = [f"{counts[name]} {name}" for name in ("real", "fake", "unsure")] + [f"{counts['error']} not analysed"]
    text = f"{total} recordings: {', '.join(parts)}." if total > 1 else ""
    left = total - counts["error"] - shown
    return f"{text} Shown are the {shown} of highest score; {left} are left out." if left else text
