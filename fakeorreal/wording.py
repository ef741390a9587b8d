"""Predictions in words: what the terminal and the report page say alike."""

import math
import textwrap

VERDICTS = {
    "fake": "The detector finds traits of machine-made speech: synthetic, converted or vocoded.",
    "real": "The detector finds none of the traits of machine-made speech that it knows.",
    "unsure": "The detector cannot tell: the score lies in the band where it errs too often to say either.",
}


def printable(text):
    """One line without control, direction-changing or undecodable characters: they are written as escapes.

    File names may hold all of these, and would otherwise break lines, colour a terminal or hide their suffix.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def percent(fraction):
    """Per cent with one decimal; what is not quite 0 or 100 is not rounded to it."""
    if 0 < fraction < 0.0005:
        return "<0.1 %"
    if 0.9995 <= fraction < 1:
        return ">99.9 %"
    return f"{100 * fraction:.1f} %"


def clock(seconds):
    """Minutes and seconds, ``4:07.5``; with hours from one hour on, ``1:04:07.5``."""
    tenths = math.floor(10 * seconds + 0.5)  # as in report.js
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest / 10:04.1f}"


def stretches(regions, *, most=None):
    """Start and end of suspicious regions, ``0:01.0–0:03.0, …``; ``none`` if there are none.

    Args:
        regions: (start, end) in seconds.
        most: how many to name before the rest is counted; None for all.
    """
    named = [f"{clock(start)}–{clock(end)}" for start, end in regions[:most]]
    left = len(regions) - len(named)
    return ", ".join(named) + (f" and {left} more" if left else "") if named else "none"


def probability_at(score, share):
    """Probability of fake where ``share`` of recordings, in (0, 1), are fake beforehand.

    The score is a log-likelihood ratio (natural logarithm), so that by Bayes' rule the log-odds add up.
    """
    return (1 + math.tanh((score + math.log(share / (1 - share))) / 2)) / 2


def explanation(detector):
    """What score and probability mean and where they come from, in paragraphs."""
    low, high = detector.unsure
    paragraphs = [
        f"Score: how much likelier the detector's evidence is for a fake than for a real voice, as a natural "
        f"logarithm; higher = fake. From {detector.threshold:+.2f} on a window counts as fake "
        f"(threshold from: {detector.threshold_from}); between {low:+.2f} and {high:+.2f} the verdict is unsure.",
        "Probability of fake: the score turned into a probability, as if real and fake were equally likely "
        "beforehand. Where fakes are rarer it is lower.",
        "A verdict is no evidence on its own: generators the detector never heard can pass as real, and heavy "
        "compression, noise or music can make a real voice look fake.",
        f"Detector: {detector.name} {detector.version}, weights {detector.hash}.",
    ]
    return "\n".join(textwrap.fill(paragraph, 100, subsequent_indent="  ") for paragraph in paragraphs)


TABLE_HEADER = f"{'verdict':8}{'P(fake)':>8}{'score':>8}{'windows fake':>14}  {'suspicious stretches':28}file"


def table_line(prediction, edits=None):
    """One prediction among many, under `TABLE_HEADER`; edits and warnings on lines of their own."""
    p = prediction
    line = (
        f"{p.verdict:8}{percent(p.probability_fake):>8}{p.score:>+8.2f}{percent(p.fake_share):>14}  "
        f"{stretches(p.regions, most=1):28}{printable(p.file)}"
    )
    edited = [f"{'':8}edited: {stretches([edit[:2] for edit in edits], most=12)}"] if edits else []
    return "\n".join([line, *edited, *(f"{'':8}! {warning}" for warning in p.warnings)])


def account(prediction, edits=None):
    """One prediction by itself, in full; ``edits`` as in ``predict.Record``."""
    p = prediction
    low, high = p.unsure_band
    facts = {
        "Verdict": f"{p.verdict}. {VERDICTS[p.verdict]}",
        "Probability of fake": f"{percent(p.probability_fake)}, if real and fake were equally likely beforehand",
        "Score": f"{p.score:+.2f} (threshold {p.threshold:+.2f}, unsure from {low:+.2f} to {high:+.2f})",
        "Windows that look fake": f"{percent(p.fake_share)} of {len(p.windows)}",
        "Suspicious stretches": stretches(p.regions, most=12),
        "Recording": f"{p.seconds:.1f} s, {p.sample_rate} Hz, channels: {p.channels}",
    }
    if edits is not None:
        said = [f"{stretches([edit[:2]])} (confidence {percent(edit[2])})" for edit in edits]
        facts["Edited stretches"] = ", ".join(said) or "none that the localiser hears"
    lines = [printable(p.file), *(f"  {name:24}{value}" for name, value in facts.items())]
    return "\n".join(lines + [f"  {'Warning':24}{warning}" for warning in p.warnings])


def summary(counts, seconds, elapsed, *, standing):
    """The end of a run over many files.

    Args:
        counts: files by ``real``, ``fake``, ``unsure`` and ``error``.
        seconds: of audio that was scored in this run.
        elapsed: seconds that took.
        standing: files whose rows an earlier run had left.
    """
    parts = [f"{counts[name]} {name}" for name in ("real", "fake", "unsure")] + [f"{counts['error']} failed"]
    text = f"{sum(counts.values())} files: {', '.join(parts)}."
    if standing:
        text += f" {standing} of them stood in the CSV already."
    if seconds:
        text += f" {seconds / 3600:.2f} hours of audio in {elapsed:.1f} s, {seconds / elapsed:.0f} times real time."
    return text
