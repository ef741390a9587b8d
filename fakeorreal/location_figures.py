"""Pictures of what a localiser found. Each function returns the Figure it drew on and never shows it."""

from io import BytesIO

import matplotlib.image
import numpy as np
from scipy.special import expit

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.frame_regions import HOP
from fakeorreal.page_media import examine_file
from fakeorreal.plotting import COLOURS, Picture, styled
from fakeorreal.wording import probability_at

_COLUMNS = 2000  # of the curve: hours hold more frames than a picture has places


@styled
def whole_recording(location, truth=None):
    """Spectrogram of a recording, the probability of fake of its frames, and the stretches below.

    Args:
        location: `locator.Location` of a file.
        truth: (start, end) of what was manipulated, in seconds; None where it is not known.
    """
    media = examine_file(location.file, location.seconds, copy=False)
    rows = ["found"] if truth is None else ["truth", "found"]
    figure = Picture(10, 4.6 + 0.3 * len(rows))
    sound, values, bars = figure.subplots(3, 1, sharex=True, height_ratios=(2.4, 1.4, 0.4 * len(rows)))
    picture = matplotlib.image.imread(BytesIO(media.spectrogram))
    sound.imshow(picture, aspect="auto", extent=(0, location.seconds, 0, SAMPLE_RATE / 2000), interpolation="nearest")
    sound.set_ylabel("kHz")
    times, probabilities = _curve(location.scores)
    values.plot(times, 100 * probabilities, color="0.25", lw=1)
    threshold = 100 * probability_at(location.threshold, 1 / 2)
    values.axhline(threshold, color="0.3", ls="--", lw=1, label="threshold")
    values.set(ylabel="probability of\nfake (%)", ylim=(0, 100), xlim=(0, location.seconds))
    values.legend(loc="upper left", bbox_to_anchor=(1, 1))
    known = {"found": [region[:2] for region in location.regions], "truth": truth or []}
    colours = {"found": COLOURS[1], "truth": "0.25"}
    for k, row in enumerate(reversed(rows)):
        spans = [(start, end - start) for start, end in known[row]]
        bars.broken_barh(spans, (k + 0.15, 0.7), facecolors=colours[row])
    bars.set(ylim=(0, len(rows)), xlabel="time (s)", yticks=np.arange(len(rows)) + 0.5)
    bars.set_yticklabels(rows[::-1])
    for ax in (sound, bars):
        ax.grid(False)
    return figure


def _curve(scores):
    """(times, probabilities): every frame, or the highest of as many as share a place in the picture."""
    step = -(-len(scores) // _COLUMNS)
    highest = np.maximum.reduceat(scores.astype(float), np.arange(0, len(scores), step))
    return (np.arange(len(highest)) + 0.5) * step * HOP, expit(highest)
