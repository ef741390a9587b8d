import io
import json

import librosa
import librosa.display
import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import LFCC, Handcrafted, LogMel, LogSTFT, MelPicture, WaveletPackets
from fakeorreal.features.mel import magnitudes

SR = 16000
FRONT_ENDS = [
    *(LogMel(), LogMel(n_mels=64, seconds=1.5), MelPicture(), Handcrafted(), Handcrafted(n_mfcc=13, seconds=1)),
    *(LogSTFT(), LFCC(), WaveletPackets(sign=True)),
]


@pytest.fixture
def speech(make_speech):
    return make_speech(2.0, SR)


def published_picture(decibels):
    """The notebook's way: draw everything, save a PNG, read it back, let Pillow resize it."""
    figure = Figure(figsize=(10, 4))
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    mesh = librosa.display.specshow(decibels, sr=SR, x_axis="time", y_axis="mel", ax=ax)
    figure.colorbar(mesh, format="%+2.0f dB", ax=ax)
    figure.tight_layout()
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return np.asarray(Image.open(png).convert("RGB").resize((224, 224), Image.Resampling.NEAREST), np.float32) / 255


def published_decibels(y):
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR), ref=np.max)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=repr)
@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_shape_type_and_purity(front_end, seconds, make_speech):
    y = make_speech(seconds, SR)
    before = y.copy()
    features = front_end(y)
    assert features.shape == front_end.shape
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(y, before)
    front_end(make_speech(0.7, SR, seed=1))  # nothing is left behind by another clip
    np.testing.assert_array_equal(front_end(y), features)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=repr)
def test_silence_gives_finite_numbers(front_end):
    assert np.isfinite(front_end(np.zeros(SR, np.float32))).all()


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=repr)
@pytest.mark.parametrize("y", [np.zeros(0), np.zeros((2, SR)), np.array([0.0, np.nan])], ids=["empty", "stereo", "nan"])
def test_bad_waveform_is_an_error(front_end, y):
    with pytest.raises(FakeOrRealError, match="waveform"):
        front_end(y)


def test_configs_are_json_and_tell_front_ends_apart():
    configs = [json.dumps(f.config(), sort_keys=True) for f in FRONT_ENDS]
    assert len(set(configs)) == len(FRONT_ENDS)
    assert json.loads(configs[1])["seconds"] == 1.5
    assert {"class", "version"} <= FRONT_ENDS[0].config().keys()


def test_log_mel_equals_librosa(speech):
    np.testing.assert_allclose(LogMel()(speech)[..., 0], published_decibels(speech), atol=1e-4)
    other = LogMel(sr=22050, n_fft=1024, hop_length=256, n_mels=40, seconds=1.0, top_db=60.0)
    power = librosa.feature.melspectrogram(y=speech[:22050], sr=22050, n_fft=1024, hop_length=256, n_mels=40)
    np.testing.assert_allclose(other(speech)[..., 0], librosa.power_to_db(power, ref=np.max, top_db=60.0), atol=1e-4)


def test_log_mel_lies_between_the_floor_and_the_loudest_point(speech):
    speech[:8000] = 0
    features = LogMel()(speech)
    assert features.max() == 0
    assert features.min() == -80


def test_log_mel_repeats_a_short_clip(speech):
    np.testing.assert_array_equal(LogMel()(speech[:5000]), LogMel()(np.resize(speech[:5000], 32000)))


@pytest.mark.parametrize("seconds", [0.1, 1.37, 2.0])
def test_picture_equals_the_saved_figure(seconds, make_speech):
    for seed in (0, 1):  # the second clip of a length reuses the figure of the first
        y = make_speech(seconds, SR, seed=seed)
        y[: len(y) // 4] = 0  # so that both reach the floor of -80 dB
        np.testing.assert_array_equal(MelPicture()(y), published_picture(published_decibels(y)))


def test_picture_of_silence_and_of_a_narrow_range(rng):
    for y in (np.zeros(SR, np.float32), rng.standard_normal(SR).astype(np.float32)):
        np.testing.assert_array_equal(MelPicture()(y), published_picture(published_decibels(y)))


def test_picture_does_not_depend_on_the_style_of_the_notebook(make_speech):
    y = make_speech(0.83, SR)  # a length that no other test has drawn
    with matplotlib.rc_context({"figure.dpi": 72, "font.size": 20, "axes.facecolor": "red"}):
        picture = MelPicture()(y)
    np.testing.assert_array_equal(picture, published_picture(published_decibels(y)))


@pytest.mark.parametrize("n", [1, 512, 2047, 2048, 31_999, 100_000])
@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 512), (501, 100)])
@pytest.mark.filterwarnings("ignore:n_fft=.*too large")
def test_magnitudes_are_those_of_librosa_to_the_bit(rng, n, n_fft, hop):
    y = rng.standard_normal(n).astype(np.float32)
    expected = np.abs(librosa.stft(y, n_fft=n_fft, hop_length=hop)).T
    np.testing.assert_array_equal(magnitudes(y, n_fft, hop), expected, strict=True)


@pytest.mark.parametrize("sr", [13_000, 16_000, 22_050, 44_100])
def test_contrast_and_crossings_are_those_of_librosa_to_the_bit(rng, sr):
    y = (0.1 * rng.standard_normal(20_000)).astype(np.float32)
    y[3000:8000] = 1e-10 * rng.integers(-2, 3, 5000)  # on both sides of what has a sign
    names = Handcrafted(sr=sr).names
    for found, rows in (
        ("contrast", librosa.feature.spectral_contrast(y=y, sr=sr)),
        ("zcr", librosa.feature.zero_crossing_rate(y)),
    ):
        expected = np.concatenate([rows.mean(axis=1), rows.std(axis=1)]).astype(np.float32)
        np.testing.assert_array_equal(
            Handcrafted(sr=sr)(y)[[k for k, name in enumerate(names) if name.startswith(found)]], expected
        )


def test_handcrafted_equals_librosa(speech):
    mfcc = librosa.feature.mfcc(y=speech, sr=SR, n_mfcc=20)
    parts = {
        "mfcc": mfcc,
        "delta": librosa.feature.delta(mfcc, mode="nearest"),
        "delta_delta": librosa.feature.delta(mfcc, order=2, mode="nearest"),
        "contrast": librosa.feature.spectral_contrast(y=speech, sr=SR),
    }
    expected = {f"{name}_{k + 1}": row for name, part in parts.items() for k, row in enumerate(part)}
    expected["zcr"] = librosa.feature.zero_crossing_rate(speech)[0]
    front_end = Handcrafted()
    assert len(front_end.names) == len(set(front_end.names)) == 2 * len(expected) == 136
    for name, value in zip(front_end.names, front_end(speech), strict=True):
        row, statistic = name.rsplit("_", 1)
        assert value == pytest.approx(getattr(np, statistic)(expected[row]), rel=1e-5, abs=1e-4), name


def test_handcrafted_takes_clips_shorter_than_the_window_of_a_delta(make_speech):
    y = make_speech(0.15, SR)
    assert 1 + len(y) // 512 < 9
    assert np.isfinite(Handcrafted()(y)).all()


def test_zero_crossings_of_a_sine_are_twice_its_frequency():
    y = np.sin(2 * np.pi * 1000 * np.arange(SR) / SR + 0.1).astype(np.float32)
    front_end = Handcrafted()
    rate = front_end(y)[front_end.names.index("zcr_mean")]
    assert rate == pytest.approx(2 * 1000 / SR, rel=0.05)  # the ends are padded with a constant


def test_handcrafted_seconds_cuts_the_clip(speech):
    np.testing.assert_array_equal(Handcrafted(seconds=0.5)(speech), Handcrafted()(speech[: SR // 2]))


def test_handcrafted_refuses_a_rate_without_the_contrast_bands():
    with pytest.raises(FakeOrRealError, match="sr=8000"):
        Handcrafted(sr=8000)
