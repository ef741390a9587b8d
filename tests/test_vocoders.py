import librosa
import numpy as np
import pytest

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.pitch import track_pitch
from fakeorreal.synthesis.vocoders import VOCODERS, copy_synthesis

SR = 16000
SEEDED = [name for name in VOCODERS if name != "griffin-lim"]
each_vocoder = pytest.mark.parametrize("vocoder", VOCODERS)


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(1.5, SR, f0=110, seed=5)


@pytest.fixture(scope="module")
def copies(speech):
    return {name: copy_synthesis(speech, name, sr=SR, seed=1) for name in VOCODERS}


def log_mel(y):
    power = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=1024, hop_length=256, n_mels=40)
    return librosa.power_to_db(power, top_db=60)


@each_vocoder
def test_words_stay_where_they_are(speech, copies, vocoder):
    original, copy = log_mel(speech), log_mel(copies[vocoder])
    assert np.corrcoef(original.ravel(), copy.ravel())[0, 1] > 0.97
    assert np.abs(original - copy).mean() < 4  # dB
    shuffled = original[:, ::-1]
    assert np.corrcoef(shuffled.ravel(), copy.ravel())[0, 1] < 0.95  # so the above says something


@each_vocoder
def test_the_waveform_is_another(speech, copies, vocoder):
    assert abs(np.corrcoef(speech, copies[vocoder])[0, 1]) < 0.8


@each_vocoder
def test_melody_stays(speech, copies, vocoder):
    before, after = (track_pitch(y, sr=SR, hop=80) for y in (speech, copies[vocoder]))
    both = (before > 0) & (after > 0)
    assert both.mean() > 0.8
    assert np.mean(np.abs(after[both] / before[both] - 1) < 0.05) > 0.9


@each_vocoder
def test_power_stays(speech, copies, vocoder):
    assert 10 * np.log10(np.mean(copies[vocoder] ** 2) / np.mean(speech**2)) == pytest.approx(0, abs=1.5)


@each_vocoder
@pytest.mark.filterwarnings("ignore:n_fft=1024 is too large")
@pytest.mark.parametrize("n", [800, 12345])
def test_shape_and_type(speech, vocoder, n):
    y = speech[4000 : 4000 + n]
    out = copy_synthesis(y, vocoder, sr=SR, seed=0)
    assert out.shape == (n,) and out.dtype == np.float32
    assert np.isfinite(out).all() and out.any()


@each_vocoder
def test_another_rate(make_speech, vocoder):
    y = make_speech(0.5, 22050)
    out = copy_synthesis(y, vocoder, sr=22050, seed=0)
    assert out.shape == y.shape and np.isfinite(out).all()


@each_vocoder
def test_same_seed_same_bytes(speech, copies, vocoder):
    assert np.array_equal(copy_synthesis(speech, vocoder, sr=SR, seed=1), copies[vocoder])


@pytest.mark.parametrize("vocoder", SEEDED)
def test_another_seed_another_noise(rng, vocoder):
    y = 0.1 * rng.standard_normal(SR // 2).astype(np.float32)
    first, second = (copy_synthesis(y, vocoder, sr=SR, seed=seed) for seed in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    assert abs(np.corrcoef(first, y)[0, 1]) < 0.2


@each_vocoder
def test_the_input_is_left_alone(speech, vocoder):
    y = speech[:8000].copy()
    copy_synthesis(y, vocoder, sr=SR, seed=0)
    assert np.array_equal(y, speech[:8000])


@each_vocoder
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e-6])
def test_next_to_nothing_stays_next_to_nothing(speech, vocoder, scale):
    out = copy_synthesis(np.float32(scale) * speech[:8000], vocoder, sr=SR, seed=0)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 4 * scale


@each_vocoder
def test_silence_within_speech_stays_quiet(speech, vocoder):
    y = np.r_[speech[:8000], np.zeros(8000, np.float32), speech[8000:16000]]
    out = copy_synthesis(y, vocoder, sr=SR, seed=0)
    assert np.mean(out[9600:14400] ** 2) < 1e-3 * np.mean(out[:8000] ** 2)


def test_unknown_vocoder():
    with pytest.raises(FakeOrRealError, match=r"griffin-lim, lpc, cepstral, harmonic-noise.*'wavenet'"):
        copy_synthesis(np.zeros(SR, np.float32), "wavenet", sr=SR, seed=0)


def test_too_short():
    with pytest.raises(FakeOrRealError, match=r"at least 50 ms.*799 samples at 16000 Hz"):
        copy_synthesis(np.zeros(799, np.float32), "lpc", sr=SR, seed=0)
