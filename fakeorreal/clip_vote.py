"""The verdict of AI-SPY: every clip of a recording is AI, human or unsure, and the clips vote.

Source: AI-SPY, ``inference_CNN.py``. There what fails is reported as ``ai``; here it is an error and gets no verdict.
"""

from collections import Counter

from fakeorreal.wording import probability_at

UNSURE = (40, 60)
"""Per cent between which, edges included, a clip is neither."""


def result(prediction):
    """A prediction in the published fields, and the clips it rests on.

    Args:
        prediction: a `detector.Prediction`; its windows are the clips.

    Returns:
        dict that JSON can hold: ``name`` as given, ``Percent_AI`` and ``Percent_Human`` of all clips (unsure ones are
        in neither), ``Prediction`` as by `vote`, and ``Clips``: a list of ``Start`` and ``End`` (seconds),
        ``Probability_AI`` (per cent) and ``Prediction``.
    """
    clips = []
    for start, end, score in prediction.windows:
        percent = round(100 * probability_at(score, 0.5), 2)
        clips.append({"Start": start, "End": end, "Probability_AI": percent, "Prediction": clip_verdict(percent)})
    verdicts = [clip["Prediction"] for clip in clips]
    return {
        "name": prediction.file,
        "Percent_AI": round(100 * verdicts.count("ai") / len(clips), 1),
        "Percent_Human": round(100 * verdicts.count("human") / len(clips), 1),
        "Prediction": vote(verdicts),
        "Clips": clips,
    }


def clip_verdict(percent):
    """``ai`` above 60 per cent, ``human`` below 40, else ``unsure``."""
    low, high = UNSURE
    return "ai" if percent > high else "human" if percent < low else "unsure"


def vote(verdicts):
    """What the clips say of the recording.

    The published code has two rules and returns the first alone: the vote, which knows ``ai`` and ``human`` only, and
    ``contains some ai`` for 20 to 49 per cent of AI clips. Here a recording that is not voted ``ai`` can be either.

    Args:
        verdicts: of its clips, one or more.

    Returns:
        ``ai`` where more clips are AI than human; else ``contains some ai`` where a fifth of all clips or more, but
        less than half, are AI; else ``human`` where more are human than AI; else ``unsure``.
    """
    counts = Counter(verdicts)
    ai, human, n = counts["ai"], counts["human"], counts.total()
    if ai > human:
        return "ai"
    if n <= 5 * ai and 2 * ai < n:
        return "contains some ai"
    return "human" if human > ai else "unsure"
