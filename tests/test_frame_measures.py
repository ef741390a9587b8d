"""Level of frames and sharpness of edges, by hand and against a slow count."""

import numpy as np
import pytest

from fakeorreal.features import FrameMel
from fakeorreal.frame_measures import edge_sharpness, frame_level


def test_the_level_is_the_mean_power_of_two_rows_over_bands():
    rows = np.float32([[0, 0], [0, -np.inf], [-20, -20], [-20, -20]])
    assert frame_level(rows) == pytest.approx([10 * np.log10(1.5), 10 * np.log10(0.02)])


def test_a_frame_ten_times_as_strong_is_10_db_louder(rng):
    y = np.repeat([0.1, np.sqrt(0.1) * 0.1], 16000).astype("float32") * rng.standard_normal(32000).astype("float32")
    levels = frame_level(FrameMel(seconds=2.0)(y))
    assert levels[:48].mean() - levels[52:].mean() == pytest.approx(10, abs=0.3)


def slow(rows, start, end):
    """The jump at an edge of which the samples between ``start`` and ``end`` are neither."""
    before, after = rows[start - 5 : start].mean(axis=0), rows[end : end + 5].mean(axis=0)
    return np.sqrt(((after - before) ** 2).mean())


def test_sharpness_is_the_mean_jump_in_usual_steps(rng):
    rows = rng.standard_normal((200, 16)).astype("float32")
    usual = np.median([slow(rows, k, k + 2) for k in range(5, 200 - 6)])
    regions = np.array([[0.5, 0.9], [1.2, 1.7]])
    wanted = [(slow(rows, 48, 50) + slow(rows, 90, 92)) / 2, (slow(rows, 118, 120) + slow(rows, 170, 172)) / 2]
    assert edge_sharpness(rows, regions) == pytest.approx(np.array(wanted) / usual, rel=1e-5)


def test_a_region_of_another_level_has_sharp_edges_just_where_it_lies(rng):
    rows = rng.standard_normal((300, 16)).astype("float32")
    rows[100:200] += 20
    sharp, inside, late = edge_sharpness(rows, [[1.0, 2.0], [1.2, 1.8], [1.1, 2.1]])
    assert sharp > 10 * inside and sharp > 10 * late


def test_edges_at_the_end_of_a_clip_do_not_count(rng):
    rows = rng.standard_normal((100, 16)).astype("float32")
    rows[:50] += 20
    usual, both = edge_sharpness(rows, [[0.3, 0.5], [0.0, 1.0]])
    (one,) = edge_sharpness(rows, [[0.0, 0.5]])
    assert one > usual and np.isnan(both)
