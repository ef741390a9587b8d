"""Figures of generators: that they draw what the tables hold, in the right place and colour."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fakeorreal import explain, generator_figures, plotting
from fakeorreal.fingerprints import Fingerprint, PhaseLocking

GENERATORS = ["griffin-lim", "lpc"]


@pytest.fixture
def fingerprint(rng):
    """lpc has a hum of 30 dB at 100 Hz, griffin-lim a notch at 3 kHz."""
    index = pd.RangeIndex(8001, name="frequency")
    difference = pd.DataFrame(rng.normal(0, 0.5, (8001, 2)), index, GENERATORS)
    difference.loc[3000, "griffin-lim"] = -7
    difference.loc[100, "lpc"] = 30
    mean = pd.DataFrame(1.0, index, ["human", *GENERATORS])
    return Fingerprint(mean, difference, difference - 6, difference + 6)


@pytest.fixture
def locking(fingerprint):
    strength = fingerprint.mean * 0.9
    strength.loc[[375, 5000], "griffin-lim"] = 6.5, 4
    return PhaseLocking(strength, pd.Series(3.4, strength.columns))


@pytest.fixture
def maps(rng):
    values = rng.normal(0, 0.01, (6, 16, 10))
    values[:3, 12:], values[3:, 12:] = -0.1, 0.2
    return {
        name: explain.mean_maps(values[rows])["signed"]
        for name, rows in (("real", slice(3)), ("fake", slice(3, 6)), ("both", slice(6)))
    }


@pytest.fixture
def energy():
    index = pd.Index([250.0, 750.0, 1250.0], name="frequency")
    mean = pd.DataFrame({"human": [1.0, 0.1, 0.01], "griffin-lim": [1.0, 0.2, 0.01], "lpc": [2.0, 0.1, 0.01]}, index)
    difference = pd.DataFrame({"griffin-lim": [0.0, 3.0, 0.0], "lpc": [3.0, 0.0, 0.0]}, index)
    return Fingerprint(mean, difference, difference - 1, difference + 2)


@pytest.fixture
def pitches(rng):
    rows = [(g, k, f0 + rng.normal(0, 5)) for g, f0 in (("human", 200), ("lpc", 100)) for k in range(21)]
    return pd.DataFrame(rows, columns=["generator", "group", "pitch"])


@pytest.fixture
def by_generator():
    """Every pair of two training and three testing generators, two systems."""
    columns = ["trained_on", "system", "generator", "seen", "eer", "eer_low", "eer_high"]
    rows = [
        (trained_on, system, generator, trained_on == generator, eer, eer - 2, eer + 4)
        for i, trained_on in enumerate(GENERATORS)
        for j, system in enumerate(("stft", "haar"))
        for k, generator in enumerate([*GENERATORS, "cepstral"])
        for eer in [0.5 if i == k else 10.0 + 20 * k - 5 * j - 3 * i]
    ]
    return pd.DataFrame(rows, columns=columns)


def texts(figure):
    figure.draw_without_rendering()
    return " | ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")) if t.get_text())


def marks(ax):
    """(kHz, height, marker) of every triangle."""
    found = [(*line.get_data(), line.get_marker()) for line in ax.lines if line.get_marker() in ("^", "v")]
    return [(float(x[0]), float(y[0]), marker) for x, y, marker in found]


def colour_of(line):
    return to_hex(line.get_color())


def test_fingerprint_rows_draw_curves_intervals_spikes_and_tones(fingerprint, locking):
    figure = generator_figures.fingerprint_rows({"spectrum": fingerprint, "packets": fingerprint}, locking)
    words = texts(figure)
    axes = np.array(figure.axes).reshape(2, 3)
    assert [ax.get_title() for ax in axes[0, :2]] == ["spectrum", "packets"]
    assert [ax.get_ylabel().split("\n")[0] for ax in axes[:, 0]] == GENERATORS
    for ax, generator in zip(axes[:, 1], GENERATORS, strict=True):
        np.testing.assert_allclose(ax.lines[0].get_xdata(), np.arange(8001) / 1000)
        np.testing.assert_allclose(ax.lines[0].get_ydata(), fingerprint.difference[generator])
        band = ax.collections[0].get_paths()[0].get_extents()
        assert band.ymax == pytest.approx(fingerprint.high[generator].max())
        assert to_hex(ax.collections[0].get_facecolor()) == colour_of(ax.lines[0])
    assert marks(axes[0, 0]) == [(3, -7, "v")]
    ((khz, height, marker),) = marks(axes[1, 0])
    assert (khz, marker) == (0.1, "^") and 0 < height < axes[1, 0].get_ylim()[1] < 30  # at the edge
    assert marks(axes[0, 2]) == [(0.375, 6.5, "^"), (5, 4, "^")] and not marks(axes[1, 2])
    assert axes[0, 2].lines[1].get_ydata()[0] == 3.4
    for hz in (100, 3000, 375, 5000):
        assert f"{hz} Hz" in words
    assert len({colour_of(ax.lines[0]) for ax in axes[:, 0]} - set(plotting.COLOURS)) == 2


def test_spikes_side_by_side_are_named_once(fingerprint, locking):
    locking.strength.loc[[376, 390], "griffin-lim"] = 0.9, 5
    words = texts(generator_figures.fingerprint_rows({"spectrum": fingerprint}, locking))
    assert "375 Hz" in words and "390 Hz" not in words


def test_attribution_maps_are_centred_and_sum_up(maps):
    figure = generator_figures.attribution_maps(maps, sr=16000, seconds=1.0)
    words = texts(figure)
    axes = np.array(figure.axes[:12]).reshape(2, 6)
    for k, (name, m) in enumerate(maps.items()):
        top, ax, side = axes[0, 2 * k], axes[1, 2 * k], axes[1, 2 * k + 1]
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), m.mean)
        assert image.get_extent() == [0, 1.0, 0, 8] and image.origin == "lower"
        assert image.norm.vmin == -image.norm.vmax == -axes[1, 0].images[0].norm.vmax
        assert f"{name}: sum {m.mean.sum():+.2f}".replace("-", "−") in words
        assert min(top.get_ylim()) == -max(top.get_ylim()) and min(side.get_xlim()) == -max(side.get_xlim())
    top, side = axes[0, 2], axes[1, 3]  # of fake
    for ax, sums in ((side, maps["fake"].by_band), (top, maps["fake"].by_frame)):
        assert [to_hex(patch.get_facecolor()) for patch in ax.patches] == list(plotting.COLOURS)
        np.testing.assert_array_equal(ax.patches[0].get_data().values, sums.clip(max=0))
        np.testing.assert_array_equal(ax.patches[1].get_data().values, sums.clip(min=0))
    np.testing.assert_allclose(side.patches[0].get_data().edges, np.arange(17) / 2)  # kHz
    assert side.patches[0].orientation == "horizontal"
    colours = axes[1, 0].images[0].cmap([0.0, 0.5, 1.0])
    assert [to_hex(colour) for colour in colours[[0, 2]]] == list(plotting.COLOURS)
    assert colours[1, :3].min() > 0.98


def test_time_frequency_shows_every_clip_in_every_representation(rng):
    clips = [
        (title, label, {"STFT": rng.normal(-40 - k, 10, (32, 20)), "haar": rng.normal(-60, 10, (16, 40))})
        for k, (title, label) in enumerate((("human", 0), ("lpc", 1), ("cepstral", 1)))
    ]
    figure = generator_figures.time_frequency(clips, sr=16000, seconds=2.0)
    axes = np.array(figure.axes[:6]).reshape(3, 2)
    assert [ax.get_title() for ax in axes[0]] == ["STFT", "haar"]
    for row, (title, label, pictures) in zip(axes, clips, strict=True):
        assert row[0].get_ylabel() == f"{title}\n(kHz)"
        assert to_hex(row[0].yaxis.label.get_color()) == plotting.COLOURS[label]
        for ax, first, picture in zip(row, axes[0], pictures.values(), strict=True):
            np.testing.assert_array_equal(ax.images[0].get_array(), picture)
            assert ax.images[0].get_extent() == [0, 2.0, 0, 8] and ax.images[0].origin == "lower"
            assert ax.images[0].get_clim() == first.images[0].get_clim()


def test_energy_by_band_shows_levels_and_differences(energy):
    figure = generator_figures.energy_by_band(energy)
    top, bottom = figure.axes
    assert [line.get_label() for line in top.lines] == ["human", *GENERATORS]
    np.testing.assert_allclose(top.lines[0].get_data(), [[0.25, 0.75, 1.25], [0, -10, -20]], atol=1e-9)
    assert colour_of(top.lines[0]) == plotting.COLOURS[0]
    for container, generator, line in zip(bottom.containers, GENERATORS, top.lines[1:], strict=True):
        np.testing.assert_allclose(container[0].get_ydata().astype(float), energy.difference[generator])
        ends = [segment[:, 1].tolist() for segment in container[2][0].get_segments()]
        assert ends == [[d - 1, d + 2] for d in energy.difference[generator]]
        assert colour_of(container[0]) == colour_of(line)
    shifts = [container[0].get_xdata()[0] for container in bottom.containers]
    assert len(set(shifts)) == 2 and np.mean(shifts) == pytest.approx(0.25)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["human", *GENERATORS]


def test_pitch_boxes_state_medians_and_show_every_utterance(pitches):
    figure = generator_figures.pitch_boxes(pitches)
    ax = figure.axes[0]
    words = texts(figure)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["human", "lpc"]
    for generator in ("human", "lpc"):
        assert f"{pitches.loc[pitches['generator'] == generator, 'pitch'].median():.0f} Hz" in words
    points = [collection for collection in ax.collections if len(collection.get_offsets())]
    assert [len(p.get_offsets()) for p in points] == [21, 21]
    np.testing.assert_allclose(sorted(points[1].get_offsets()[:, 0]), sorted(pitches["pitch"][21:]))
    assert to_hex(points[0].get_facecolor()[0]) == plotting.COLOURS[0]
    again = generator_figures.pitch_boxes(pitches).axes[0].collections[0]
    np.testing.assert_array_equal(again.get_offsets(), points[0].get_offsets())


def test_generator_matrix_reads_from_training_to_testing(by_generator):
    table = by_generator[by_generator["system"] == "stft"]
    ax = generator_figures.generator_matrix(table).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == GENERATORS
    assert [t.get_text() for t in ax.get_xticklabels()] == [*GENERATORS, "cepstral"]
    written = {(int(t.get_position()[1]), int(t.get_position()[0]), t.get_fontsize()): t.get_text() for t in ax.texts}
    for (row, column), row_of in zip(np.ndindex(2, 3), table.itertuples(), strict=True):
        assert written[row, column, 12] == f"{row_of.eer:.1f}"
        assert written[row, column, 8] == f"{row_of.eer_low:.1f} – {row_of.eer_high:.1f}"
    np.testing.assert_allclose(ax.collections[0].get_array(), table["eer"].to_numpy().reshape(2, 3))
    assert ax.collections[0].get_clim() == (0, 50)
    assert [(int(p.get_x()), int(p.get_y())) for p in ax.patches] == [(0, 0), (1, 1)]  # the diagonal
    dark = {t.get_text(): t.get_color() for t in ax.texts}
    assert dark["0.5"] == "black" and dark["50.0"] == "white"


def test_unseen_generators_are_points_with_intervals_hardest_on_top(by_generator):
    table = by_generator[by_generator["trained_on"] == "lpc"]
    figure = generator_figures.unseen_generators(table)
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["griffin-lim", "cepstral"]  # lpc was seen
    points = [line for line in ax.lines if line.get_label() in ("stft", "haar")]
    assert [line.get_label() for line in points] == ["stft", "haar"]
    for line, container in zip(points, ax.containers, strict=True):
        eers = table[(table["system"] == line.get_label()) & ~table["seen"]].set_index("generator")["eer"]
        x, y = line.get_data()
        np.testing.assert_allclose(x, eers[["griffin-lim", "cepstral"]])
        np.testing.assert_array_equal(np.round(y), [0, 1])
        ends = [segment[:, 0].tolist() for segment in container[2][0].get_segments()]
        np.testing.assert_allclose(ends, [[eer - 2, eer + 4] for eer in x])
    assert points[0].get_ydata()[0] > points[1].get_ydata()[0]  # in the order of the legend
    assert colour_of(points[0]) != colour_of(points[1]) and points[0].get_marker() != points[1].get_marker()
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [50]
    assert ax.get_xlim()[0] == 0 and ax.get_xlim()[1] > 50


def test_drawing_on_given_axes_returns_their_figure(pitches, by_generator):
    for draw in (
        lambda ax: generator_figures.pitch_boxes(pitches, ax=ax),
        lambda ax: generator_figures.generator_matrix(by_generator[by_generator["system"] == "stft"], ax=ax),
        lambda ax: generator_figures.unseen_generators(by_generator[by_generator["trained_on"] == "lpc"], ax=ax),
    ):
        figure = Figure()
        ax = figure.subplots()
        assert draw(ax) is figure and figure.axes[0] is ax
