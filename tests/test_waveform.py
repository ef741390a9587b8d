"""The waveform as a front end: cut or repeated, checked."""

import json

import numpy as np
import pytest
from signals import SR

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import Waveform, build_front_end

N = 40000  # samples in 2.5 s


@pytest.mark.parametrize("n", [1, 15999, N - 1, N, N + 1, 3 * N])
def test_cut_or_repeated(rng, n):
    y = rng.standard_normal(n)
    found = Waveform(seconds=2.5)(y)
    assert found.shape == Waveform(seconds=2.5).shape == (N,) and found.dtype == np.float32
    np.testing.assert_array_equal(found, np.tile(y, -(-N // n))[:N].astype(np.float32))


def test_another_length_and_rate(rng):
    y = rng.standard_normal(N).astype(np.float32)
    assert Waveform(sr=22050, seconds=1.0).shape == (22050,)
    np.testing.assert_array_equal(Waveform(sr=22050, seconds=1.0)(y), y[:22050])


def test_what_is_given_stays_as_it_is(rng):
    y = rng.standard_normal(N).astype(np.float32)
    before = y.copy()
    Waveform(seconds=2.0)(y)[:] = 0
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("y", [np.zeros(0), np.ones((2, SR)), np.array([0.1, np.nan])], ids=["empty", "stereo", "nan"])
def test_bad_waveform_is_an_error(y):
    with pytest.raises(FakeOrRealError, match="waveform"):
        Waveform()(y)


def test_config_round_trip():
    for front_end in (Waveform(), Waveform(8000, 1.5)):
        config = json.loads(json.dumps(front_end.config()))
        assert (config["class"], config["sr"], config["seconds"]) == ("Waveform", front_end.sr, front_end.seconds)
        assert build_front_end(config) == front_end
    with pytest.raises(FakeOrRealError, match="Received: 0"):
        build_front_end({**config, "version": 0})
