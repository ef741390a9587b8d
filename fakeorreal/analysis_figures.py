"""An analysis as pictures and players in a notebook, where they stay to be seen without running it again."""

from io import BytesIO

import matplotlib.image
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

from fakeorreal.analysis_wording import CAVEAT, CLIP_SCORES, clip_score, composed, heading, hidden
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.page_media import GREY, examine, examine_file
from fakeorreal.plotting import COLOURS, Picture, styled
from fakeorreal.wording import VERDICTS, printable, probability_at

_KHZ = SAMPLE_RATE / 2000
_SIGNED = LinearSegmentedColormap.from_list("from real to fake", (COLOURS[0], "white", COLOURS[1]))
_OVER = LinearSegmentedColormap.from_list(  # so that sound shows through where little speaks for either
    "over a spectrogram", (COLOURS[0], f"{COLOURS[0]}80", "#80808000", f"{COLOURS[1]}80", COLOURS[1])
)


def show(analysis):
    """Display an analysis: the whole recording, then every segment with its maps and a player."""
    from IPython.display import Audio, Image, display

    p = analysis.prediction
    scores = ", ".join(
        f"{CLIP_SCORES[name][0]} {clip_score(name, value)}" for name, value in analysis.clip_scores.items()
    )
    print(f"{printable(p.file)}: {p.verdict}. {VERDICTS[p.verdict]}\nClip scores: {scores}.")
    display(Image(_jpeg(whole_recording(analysis)), format="jpeg"))
    for number, segment in enumerate(analysis.segments, 1):
        print(f"{number}. {heading(segment)}\n{hidden(segment)}")
        if segment.gradients:
            print(composed(segment))
        display(
            Image(_jpeg(segment_maps(segment)), format="jpeg"),
            Audio(np.clip(segment.samples, -1, 1), rate=SAMPLE_RATE, normalize=False),
        )
    print(*filter(None, [analysis.without_gradients]), CAVEAT)


@styled
def whole_recording(analysis):
    """Waveform, spectrogram and probability per second of a recording; top segments are numbered."""
    p = analysis.prediction
    media = examine_file(p.file, p.seconds, copy=False)
    figure = Picture(10, 6.4)
    wave, sound, values = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 1.6))
    time = np.linspace(0, p.seconds, len(media.envelope))
    wave.fill_between(time, *(media.envelope.T / 127), color="0.3", lw=0)
    wave.set(ylabel="waveform", ylim=np.array([-1, 1]) * max(0.01, np.abs(media.envelope / 120).max()))
    for number, segment in enumerate(analysis.segments, 1):
        wave.axvspan(segment.start, segment.end, facecolor=COLOURS[1], alpha=0.15, edgecolor="0.2", lw=1)
        wave.annotate(str(number), (segment.start, 1), (4, -4), ("data", "axes fraction"), textcoords="offset points",
                      va="top", color=COLOURS[1], weight="bold")  # fmt: skip
    picture = matplotlib.image.imread(BytesIO(media.spectrogram))
    sound.imshow(picture, aspect="auto", extent=(0, p.seconds, 0, _KHZ), interpolation="nearest")
    sound.set(ylabel="spectrogram (kHz)")
    threshold, low, high = (100 * probability_at(score, 1 / 2) for score in (p.threshold, *p.unsure_band))
    values.axhspan(low, high, color="0.85", label="unsure")
    values.axhline(threshold, color="0.3", ls="--", lw=1, label="threshold")
    starts, ends, probabilities = np.array(analysis.per_second).T
    colours = [COLOURS[int(100 * probability >= threshold)] for probability in probabilities]
    values.bar(starts, 100 * probabilities, 0.96 * (ends - starts), align="edge", color=colours, alpha=0.8)
    values.set(ylabel="probability of fake (%)", ylim=(0, 100), xlim=(0, p.seconds), xlabel="time (s)")
    values.legend(loc="upper left", bbox_to_anchor=(1, 1))
    for ax in (wave, sound):
        ax.grid(False)
    return figure


@styled
def segment_maps(segment):
    """Spectrogram of a segment with what hiding does laid over it; beside it, what gradients say."""
    found = segment.gradients
    figure = Picture(10 if found else 5.4, 3.4)
    axes = figure.subplots(1, 2 if found else 1, squeeze=False)[0]
    extent = (segment.start, segment.end, 0, _KHZ)
    media = examine([segment.samples], len(segment.samples), sr=SAMPLE_RATE, copy=False, colours=GREY)
    axes[0].imshow(matplotlib.image.imread(BytesIO(media.spectrogram)), aspect="auto", extent=extent)
    look = {"origin": "lower", "aspect": "auto", "extent": extent}
    image = axes[0].imshow(segment.occlusion, cmap=_OVER, norm=_around_0(segment.occlusion), **look,
                           interpolation="bilinear")  # fmt: skip
    figure.colorbar(image, ax=axes[0], label="score lost by hiding", pad=0.02)
    axes[0].set(xlabel="time (s)", ylabel="kHz", title="hidden piece by piece")
    if found and found.names:
        _measures(axes[1], found)
    elif found:
        image = axes[1].imshow(found.values, cmap=_SIGNED, norm=_around_0(found.values), **look)
        figure.colorbar(image, ax=axes[1], label="part of the score", pad=0.02)
        axes[1].set(xlabel="time (s)", yticks=[], ylabel=f"bands of {found.features}", title="made of, by gradients")
    for ax in axes:
        ax.grid(False)
    return figure


def _measures(ax, found):
    """What was measured by frequency, the largest part of the score on top."""
    parts = found.values.sum(axis=1)
    order = np.argsort(-np.abs(parts))
    image = ax.imshow(found.values[order], cmap=_SIGNED, norm=_around_0(found.values), aspect="auto",
                      extent=(0, _KHZ, len(order) - 0.5, -0.5))  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label="part of the score", pad=0.02)
    ax.set_yticks(range(len(order)), [f"{found.names[k]} {parts[k]:+.2f}" for k in order], fontsize=8)
    ax.set(xlabel="kHz", title="made of, by gradients")


def _jpeg(figure):
    """A third of the size of a PNG, of which a spectrogram asks most; a notebook holds several."""
    data = BytesIO()
    figure.savefig(data, format="jpeg", dpi=130, facecolor="white", pil_kwargs={"quality": 85})
    return data.getvalue()


def _around_0(values):
    most = np.abs(values).max() or 1
    return Normalize(-most, most)
