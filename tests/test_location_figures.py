"""Pictures of what a localiser found: bars and curve lie where the regions are."""

import numpy as np
import pytest
import soundfile as sf
from locator_double import with_tones

from fakeorreal.location_figures import whole_recording
from fakeorreal.locator import Location
from fakeorreal.plotting import Picture


@pytest.fixture
def make_location(tmp_path):
    def make(seconds, regions):
        path = tmp_path / "a.wav"
        sf.write(path, with_tones(seconds, []), 16000)
        scores = np.full(round(seconds * 50), -3, np.float32)
        for start, end, _ in regions:
            scores[round(50 * start) : round(50 * end)] = 3
        return Location(str(path), seconds, tuple(regions), scores, 0.0, "x", 16000, 1, "tones", "1", "0" * 12)

    return make


def bars(figure):
    """(left, right) of the bars of each row, from the lowest up."""
    rows = figure.axes[2].collections
    boxes = [[(p.vertices[:, 0].min(), p.vertices[:, 0].max()) for p in row.get_paths()] for row in rows]
    return [[pytest.approx(box, abs=1e-6) for box in row] for row in boxes]


def test_found_and_truth_are_drawn(make_location):
    figure = whole_recording(make_location(6.0, [(1.0, 2.0, 0.9)]), truth=[(1.1, 2.2), (4.0, 5.0)])
    assert isinstance(figure, Picture)
    assert bars(figure) == [[(1.0, 2.0)], [(1.1, 2.2), (4.0, 5.0)]]
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["found", "truth"]


def test_without_truth_there_is_one_row(make_location):
    figure = whole_recording(make_location(6.0, []))
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["found"]


def test_no_short_region_is_lost_in_a_long_recording(make_location):
    figure = whole_recording(make_location(200.0, [(150.0, 150.04, 0.9)]))
    times, values = figure.axes[1].lines[0].get_data()
    assert len(times) <= 2000 and values.max() > 90
    assert times[values.argmax()] == pytest.approx(150, abs=0.2)
    assert times[-1] == pytest.approx(200, abs=0.2)
