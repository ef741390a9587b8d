"""An analysis in words: what the terminal, the page and the notebook say alike."""

import numpy as np

from fakeorreal.wording import account, clock, percent

CLIP_SCORES = {
    "rms": (
        "RMS of probabilities",
        "Root of the mean squared probability of the windows: high ones weigh more, so that a short fake shows.",
    ),
    "mean": ("Mean probability", "Of all windows alike, those without speech included."),
    "maximum": ("Highest probability", "Of a single window: in a long recording one is high by chance."),
    "score": (
        "Mean score",
        "Mean log-likelihood ratio of the windows that hold speech; higher = fake. The verdict rests on it.",
    ),
    "share": ("Share above threshold", "Of the windows, how many look fake by themselves."),
}
"""Title and meaning of the clip scores, in the order of `analysis.clip_scores`."""

CAVEAT = "Maps show what this detector went by. That is no evidence: it can go by the wrong thing."


def clip_score(name, value):
    """The value of a clip score as text."""
    return f"{value:+.2f}" if name == "score" else percent(value)


def heading(segment):
    """Where a segment lies, and what it scored."""
    span = f"{clock(segment.start)}–{clock(segment.end)}"
    return f"{span}  score {segment.score:+.2f}, probability of fake {percent(segment.probability)}"


def hidden(segment):
    """Which patch takes most from the score when it is hidden, and which one adds most."""
    low, high = segment.occlusion.min(), segment.occlusion.max()
    sentences = []
    if high > 0:
        sentences.append(f"Hiding {_place(segment, high)} takes most from the score: {high:.2f}.")
    if low < 0:
        sentences.append(f"Hiding {_place(segment, low)} adds most to it: {-low:.2f}.")
    return " ".join(sentences) or "Hiding any part of it leaves the score as it is."


def composed(segment):
    """What gradients say the score is made of, and how far they can be trusted."""
    found = segment.gradients
    reached = found.baseline + found.values.sum()
    total = (
        f"From the {found.baseline:+.2f} of an average input, the parts lead to {reached:+.2f} of "
        f"{segment.score:+.2f}; the gap is {percent(found.gap)}."
    )
    parts, band = found.values.sum(axis=1), found.values.sum(axis=0)
    if found.names and parts.max() > 0:
        most = f"{found.names[parts.argmax()]} ({parts.max():+.2f}), and {band.argmax()}–{band.argmax() + 1} kHz"
    elif band.max() > 0:
        middle = segment.start + (band.argmax() + 0.5) / len(band) * (segment.end - segment.start)
        most = f"the sound around {clock(middle)}"
    else:
        return total
    return f"Most for fake speaks: {most} ({band.max():+.2f}). {total}"


def report(analysis):
    """An analysis for the terminal, in short."""
    scores = [f"  {CLIP_SCORES[name][0]:24}{clip_score(name, value)}" for name, value in analysis.clip_scores.items()]
    segments = [
        f"  {number}. {heading(segment)}\n     {hidden(segment)}" for number, segment in enumerate(analysis.segments, 1)
    ]
    lines = [account(analysis.prediction), "", "Clip scores", *scores, "", "Segments that triggered the detector most"]
    missing = [f"Without gradients. {analysis.without_gradients}"] if analysis.without_gradients else []
    return "\n".join([*lines, *segments, "", *missing, CAVEAT])


def _place(segment, value):
    """Frequencies and middle of the patch of that value."""
    band, column = np.argwhere(segment.occlusion == value)[0]
    bands, columns = segment.occlusion.shape
    middle = segment.start + (column + 0.5) / columns * (segment.end - segment.start)
    return f"{8 * band / bands:g}–{8 * (band + 1) / bands:g} kHz around {clock(middle)}"
