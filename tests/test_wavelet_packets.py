import subprocess
import sys

import numpy as np
import pytest
import pywt
from signals import SR, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import WaveletPackets
from fakeorreal.features.wavelet_packets import packets

WAVELETS = ["haar", *(f"{family}{k}" for family in ("db", "sym") for k in range(2, 11))]
WAVELETS += [*(f"coif{k}" for k in range(1, 11)), "bior2.4", "dmey"]
CASES = [(SR, 8), (1001, 5), (37, 3), (5, 2), (2, 1)]


def of_pywt(y, wavelet, level):
    tree = pywt.WaveletPacket(y.astype(np.float64), wavelet, mode="reflect", maxlevel=level)
    return np.stack([node.data for node in tree.get_level(level, "freq")])


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_equals_pywavelets(wavelet, rng):
    for n, level in CASES:
        y = rng.standard_normal((2, n), np.float32)
        found = packets(y, wavelet, level)
        assert found.dtype == np.float32
        for clip, expected in zip(found, (of_pywt(clip, wavelet, level) for clip in y), strict=True):
            np.testing.assert_allclose(clip, expected, atol=1e-5, err_msg=f"{n} samples, level {level}")


@pytest.mark.parametrize("n", [16000, 22050])
def test_level_14(n, rng):
    y = rng.standard_normal((1, n), np.float32)
    np.testing.assert_allclose(packets(y, "haar", 14)[0], of_pywt(y[0], "haar", 14), atol=1e-5)


@pytest.mark.parametrize(
    ("wavelet", "sr", "frames"),
    [
        ("haar", 22050, 87),
        ("sym5", 22050, 95),
        ("coif4", 22050, 109),
        ("db8", 22050, 101),
        ("sym8", 22050, 101),
        ("haar", 16000, 63),
        ("sym5", 16000, 71),
        ("coif4", 16000, 85),
    ],
)
def test_shape(wavelet, sr, frames, rng):
    front_end = WaveletPackets(sr=sr, wavelet=wavelet)
    features = front_end(rng.standard_normal(sr))
    assert features.shape == front_end.shape == (256, frames, 1)
    assert features.dtype == np.float32


@pytest.mark.parametrize("frequency", [440, 1510, 5010, 7900])
def test_a_sine_is_in_its_band(frequency):
    features = WaveletPackets(wavelet="coif10")(sine(frequency))[:, 40:-40, 0]
    assert features.mean(axis=1).argmax() == frequency * 256 // 8000


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_logarithm_and_sign(power, make_speech):
    y = make_speech(1.0, SR)
    expected = of_pywt(y, "sym5", 8)
    features = WaveletPackets(power=power, sign=True)(y)
    assert features.shape == (256, 71, 2)
    clear = np.abs(expected) > 1e-3  # elsewhere rounding shows in the logarithm
    assert clear.mean() > 0.3
    np.testing.assert_allclose(features[clear, 0], power * np.log(np.abs(expected[clear])), atol=2e-3)
    np.testing.assert_array_equal(features[clear, 1], np.sign(expected[clear]))
    np.testing.assert_array_equal(WaveletPackets(power=power)(y)[..., 0], features[..., 0])


def test_silence_is_the_offset_and_its_sign_is_1():
    for block_norm in (False, True):
        features = WaveletPackets(sign=True, block_norm=block_norm)(np.zeros(SR))
        np.testing.assert_allclose(features[..., 0], np.log(1e-12), rtol=1e-6)
        np.testing.assert_array_equal(features[..., 1], 1)


def test_block_norm_takes_the_level_of_every_packet_away(make_speech):
    front_end = WaveletPackets(block_norm=True)
    y = np.stack([make_speech(1.0, SR), 0.1 * make_speech(1.0, SR)])
    features = front_end.transform(y)
    np.testing.assert_allclose(features.max(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(np.exp(features[0] / 2), np.exp(features[1] / 2), atol=1e-4)
    magnitude = np.abs(of_pywt(y[0], "sym5", 8))
    expected = magnitude / magnitude.max(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(features[0, ..., 0] / 2), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"wavelet": "sym99"}, "'sym99'"), ({"wavelet": "morl"}, "'morl'"), ({"level": 0}, "level=0")],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(FakeOrRealError, match=message):
        WaveletPackets(**settings)


def test_no_tensorflow_is_loaded():
    script = """
import sys, numpy
from fakeorreal.features import LFCC, LogSTFT, WaveletPackets
for front_end in (LFCC(), LogSTFT(), WaveletPackets()):
    front_end(numpy.ones(16000))
print([name for name in ("keras", "tensorflow") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "[]\n"
