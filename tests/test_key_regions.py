"""Where regions are chosen: in the sound, within the bounds, by chance and seed."""

from itertools import pairwise

import numpy as np
import pytest
from signals import SR, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.key_regions import choose


def draw(y, seed=0, **options):
    return choose(y, sr=SR, rng=np.random.default_rng(seed), **{"count": 1, **options})


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(8, SR)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("count", "seconds"), [(1, (1.0, 4.0)), (3, (0.1, 5.0)), (2, (0.5, 0.5))])
def test_regions_keep_their_bounds(speech, seed, count, seconds):
    regions = draw(speech, seed, count=count, seconds=seconds, margin=0.3, gap=0.2, untouched=0.5)
    assert 1 <= len(regions) <= count and regions == sorted(regions)
    assert all(start % 160 == end % 160 == 0 for start, end in regions)  # 10 ms
    assert regions[0][0] >= 0.3 * SR and regions[-1][1] <= len(speech) - 0.3 * SR
    assert all(after - before >= 0.2 * SR for (_, before), (after, _) in pairwise(regions))
    assert all(seconds[0] * SR <= end - start <= seconds[1] * SR for start, end in regions)
    assert sum(end - start for start, end in regions) <= 0.5 * len(speech)


def test_regions_lie_in_the_sound(speech, rng):
    # ....######....####....   one sign = 0.5 s
    y = np.float32(1e-4) * rng.standard_normal(11 * SR).astype(np.float32)
    sound = np.zeros(len(y), bool)
    for start, end in ((2, 5), (7, 9)):
        y[start * SR : end * SR] += speech[: (end - start) * SR]
        sound[start * SR : end * SR] = True
    drawn = [region for seed in range(20) for region in draw(y, seed, count=2, seconds=(0.5, 2.0))]
    assert min(sound[start:end].mean() for start, end in drawn) > 0.7
    assert {start < 6 * SR for start, _ in drawn} == {True, False}


def test_regions_lie_where_sounds_begin():
    notes = np.repeat(np.tile([500, 900, 700, 1300], 10), SR // 8)  # five seconds of eight notes each, all as loud
    pitch = np.r_[np.full(5 * SR, 500), notes]
    y = (0.1 * np.sin(2 * np.pi * np.cumsum(pitch) / SR)).astype(np.float32)
    middles = [(start + end) / 2 for seed in range(20) for start, end in draw(y, seed, seconds=(0.5, 1.0))]
    assert np.mean(np.array(middles) > 5 * SR) > 0.9


def test_the_seed_decides(speech):
    assert draw(speech, 1, count=2) == draw(speech, 1, count=2)
    assert len({tuple(draw(speech, seed)) for seed in range(6)}) > 3


def test_fewer_where_there_is_no_room(speech):
    regions = draw(speech[: 3 * SR], count=3, seconds=(1.0, 4.0))
    assert len(regions) == 1 and regions[0][1] - regions[0][0] <= 1.5 * SR


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(4 * SR, np.float32),
        sine(500, seconds=4, amplitude=1e-5),
        sine(500, seconds=0.9),
        np.zeros(0, np.float32),
    ],
    ids=["silent", "faint", "short", "empty"],
)
def test_nothing_to_edit(y):
    with pytest.raises(FakeOrRealError, match=r"must hold 0\.5 s of sound.*Received: .* s.*Leave it out"):
        draw(y)
