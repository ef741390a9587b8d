"""A long recording with edits: where they lie, and that nothing else changes."""

import numpy as np
import pytest
from signals import SR

from fakeorreal import channels
from fakeorreal.corpora.edited_pairs import FADE, final_chain
from fakeorreal.errors import FakeOrRealError
from fakeorreal.planted_edits import METHODS, SECONDS, plant


@pytest.fixture(scope="module")
def clips(make_speech):
    return [make_speech(8, SR, f0=100 + 20 * k, seed=k) for k in range(5)]


@pytest.fixture(scope="module")
def planted(clips):
    return plant(clips, seconds=36.0, key="a")


def test_edits_lie_in_the_middle_of_equal_parts(planted):
    y, regions = planted
    assert y.shape == (36 * SR,) and y.dtype == np.float32 and [edit[2] for edit in regions] == list(METHODS[:3])
    for k, (start, end, _) in enumerate(regions):
        assert SECONDS[0] - 0.01 <= end - start <= SECONDS[1] + 0.01
        assert 12 * k + 1 <= start < end <= 12 * k + 11


def test_only_the_edits_differ_from_what_passed_the_same_chain(planted, clips):
    y, regions = planted
    whole = final_chain(np.concatenate([channels.set_level(clip) for clip in clips])[: len(y)], "a")
    away = np.ones(len(y), bool)
    for start, end, _ in regions:
        inside = slice(round(start * SR), round(end * SR))
        assert np.abs(y - whole)[inside].mean() > 0.05 * np.abs(whole)[inside].mean()
        away[round((start - FADE) * SR) : round((end + FADE + 0.1) * SR)] = False
    first = round((regions[0][0] - FADE) * SR) - 24  # as far as the filters of the codec look ahead
    np.testing.assert_array_equal(y[:first], whole[:first])
    assert np.abs(y - whole)[away].mean() < 0.05 * np.abs(whole).mean()  # what the codec spreads


def test_the_same_key_gives_the_same_recording(planted, clips):
    again, regions = plant(iter(clips), seconds=36.0, key="a")
    np.testing.assert_array_equal(again, planted[0])
    assert regions == planted[1] != plant(clips, seconds=36.0, key="b")[1]


def test_clips_that_are_not_needed_are_not_asked_for(clips):
    def given():
        yield from clips[:2]
        pytest.fail("asked for more")

    assert len(plant(given(), seconds=15.0, key="a")[0]) == 15 * SR


def test_clips_that_do_not_last(clips):
    with pytest.raises(FakeOrRealError, match=r"must last 60 s together. Received: 40\.0 s"):
        plant(clips, seconds=60.0, key="a")
