"""Figures of speakers never heard show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fakeorreal import plotting, wild_figures

CLIPS = pd.DataFrame({"clip": list("abcdef"), "label": [0, 0, 0, 1, 1, 1]})
SECONDS = pd.Series([1.5, 3.0, 9.0, 2.0, 4.0, 6.0], list("abcdef"))


@pytest.fixture
def lengths():
    """EER of two systems by seconds heard, and two rows that belong to no amount."""
    rows = [(s, f"first {k} s", k, 50.0 - 5 * k, 40.0 - 5 * k, 62.0 - 5 * k) for s in ("cnn", "old") for k in (1, 2, 3)]
    rows += [("cnn", "all clips", np.nan, 99.0, 98.0, 100.0), ("none", "duration alone", np.nan, 99.0, 98.0, 100.0)]
    return pd.DataFrame(rows, columns=["system", "what", "heard", "eer", "eer_low", "eer_high"])


@pytest.fixture
def speakers():
    return pd.DataFrame(
        {
            "speaker": ["june", "paola", "carlo"],
            "eer": [50.0, 30.0, 10.0],
            "eer_low": [40.0, 20.0, 5.0],
            "eer_high": [60.0, 41.0, 14.0],
            "eer_own": [70.0, np.nan, 20.0],
            "n_clips": [200, 1200, 8],
        }
    )


def named(ax):
    return {line.get_label(): line for line in ax.lines}


def test_clip_lengths_are_cumulated_by_class(lengths):
    left, _ = wild_figures.clip_lengths(CLIPS, SECONDS, lengths).axes
    curves = named(left)
    for label, (name, wanted) in enumerate({"real, n = 3": [1.5, 3, 9], "fake, n = 3": [2, 4, 6]}.items()):
        np.testing.assert_allclose(curves[name].get_xdata(), wanted)
        np.testing.assert_allclose(curves[name].get_ydata(), [100 / 3, 200 / 3, 100])
        assert to_hex(curves[name].get_color()) == plotting.COLOURS[label]
    assert left.get_xscale() == "log" and [text.get_text() for text in left.get_xticklabels()] == [
        "1",
        "2",
        "4",
        "8",
        "16",
    ]


def test_error_by_seconds_heard_has_a_line_per_system(lengths):
    _, right = wild_figures.clip_lengths(CLIPS, SECONDS, lengths).axes
    lines = named(right)
    assert {"cnn", "old", "chance"} <= set(lines) and "none" not in lines
    for system in ("cnn", "old"):
        np.testing.assert_allclose(lines[system].get_ydata(), [45, 40, 35])
        np.testing.assert_allclose(lines[system].get_xdata(), [1, 2, 3], atol=0.06)
    assert set(lines["chance"].get_ydata()) == {50}
    ends = [segment[:, 1].tolist() for segment in right.containers[0][2][0].get_segments()]
    np.testing.assert_allclose(ends, [[35, 57], [30, 52], [25, 47]])


def test_no_clip_need_be_long_enough(lengths):
    figure = wild_figures.clip_lengths(CLIPS, SECONDS, lengths[lengths["heard"].isna()])
    assert isinstance(figure, Figure) and set(named(figure.axes[1])) == {"chance"}


def test_speaker_dots_name_everybody_and_mark_the_mean(speakers):
    (ax,) = wild_figures.speaker_dots(speakers).axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["june", "paola", "carlo"]
    lines = named(ax)
    np.testing.assert_allclose(lines["all fakes of the speaker's sentences"].get_xdata(), speakers["eer"])
    np.testing.assert_allclose(lines["fakes of that voice alone"].get_xdata(), speakers["eer_own"])
    assert ax.get_yticks().tolist() == [2, 1, 0]
    assert set(lines["mean; band: ± SD over speakers"].get_xdata()) == {30}
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (band.xmin, band.xmax) == pytest.approx((10, 50))
    assert [text.get_text() for text in ax.texts] == ["n = 200", "n = 1,200", "n = 8"]
    assert ax.get_xlim()[1] == 72


@pytest.mark.parametrize("rows", [0, 1])
def test_few_speakers_have_no_mean(speakers, rows):
    (ax,) = wild_figures.speaker_dots(speakers[:rows]).axes
    assert len(ax.patches) == 0 and ax.get_xlim() == (0, 72 if rows else 60)


def test_drawing_on_given_axes_and_to_png(speakers, lengths, tmp_path):
    ax = Figure().subplots()
    assert wild_figures.speaker_dots(speakers, ax=ax) is ax.figure
    for k, figure in enumerate(
        (wild_figures.speaker_dots(speakers[:0]), wild_figures.clip_lengths(CLIPS, SECONDS, lengths))
    ):
        plotting.save_figure(figure, f"picture{k}", tmp_path)
        assert (tmp_path / f"picture{k}.png").read_bytes().startswith(b"\x89PNG")
