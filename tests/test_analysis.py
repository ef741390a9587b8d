"""Analysis: clip scores and seconds by hand, segments that are what the detector heard, and where maps light up."""

import shutil
import tracemalloc

import keras
import numpy as np
import pytest
import soundfile as sf
from detector_double import make_prediction
from keras import layers
from signals import SR

from fakeorreal import analysis, audio
from fakeorreal.analysis import analyze, clip_scores, cut, per_second, top_windows
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import LogSTFT
from fakeorreal.freeze import freeze

STFT = LogSTFT()
LOW, HIGH = 2400, 2600  # Hz


@pytest.fixture(scope="module")
def band_detector(tmp_path_factory):
    """Folder of a detector whose score is the mean log power between 2.4 and 2.6 kHz, and nothing else."""
    folder = tmp_path_factory.mktemp("band") / "band"
    hertz = np.arange(STFT.shape[0]) * SR / STFT.n_fft
    heard = ((hertz >= LOW) & (hertz <= HIGH)).astype(np.float32)
    weights = np.broadcast_to(heard[:, None, None], STFT.shape) / (heard.sum() * STFT.shape[1])
    inputs = keras.Input(STFT.shape)
    model = keras.Model(inputs, layers.Dense(1, name="sum")(layers.Flatten()(inputs)), name="band")
    model.get_layer("sum").set_weights([weights.reshape(-1, 1), np.zeros(1)])
    freeze(
        [model],
        STFT,
        folder,
        name="band",
        version="1",
        window=1.0,
        hop=1.0,
        calibration={"scale": 1.0, "offset": 4.0, "from": "nothing"},
        threshold=0.0,
        threshold_from="nothing",
        unsure=(-1.0, 1.0),
    )
    return folder


@pytest.fixture
def recording(tmp_path, make_speech):
    """Function ``(seconds, sr=16000, name="talk.wav")`` -> path of speech in stereo."""

    def make(seconds, sr=SR, name="talk.wav"):
        y = make_speech(seconds, sr)
        path = tmp_path / name
        sf.write(path, np.stack([y, 0.5 * y], axis=1), sr)
        return path

    return make


# By hand


def probability(score):
    return 1 / (1 + np.exp(-score))


def test_probability_of_each_second():
    # seconds   0     1     2     3     4     5  5.5
    # windows   |-- a (2.5) ---|
    #                          |-- b (2.5) ---|
    #                                   |-- c (2.5) --|   the last ends with the recording
    a, b, c = -2.0, 1.0, 3.0
    found = per_second([(0, 2.5, a), (2.5, 5, b), (3, 5.5, c)])
    pa, pb, pc = probability(a), probability(b), probability(c)
    expected = [pa, pa, (pa + pb) / 2, (pb + pc) / 2, (pb + pc) / 2, pc]
    assert [span[:2] for span in found] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 5.5)]
    np.testing.assert_allclose([p for *_, p in found], expected)


def test_probability_of_a_recording_shorter_than_a_second():
    assert per_second([(0, 0.6, 0.0)]) == ((0.0, 0.6, 0.5),)


def test_clip_scores_by_hand():
    p = make_prediction(score=2.0)  # windows of 2, 0 and -2; the threshold is 0.5
    high = probability(2.0)
    assert clip_scores(p) == pytest.approx(
        {
            "rms": np.sqrt((high**2 + 0.25 + (1 - high) ** 2) / 3),
            "mean": 0.5,
            "maximum": high,
            "score": 2.0,
            "share": 1 / 3,
        }
    )


def test_top_windows_do_not_overlap():
    # scores   0     1     2     3     4
    #          |---- 5 ----|
    #                |---- 6 ----|
    #                      |---- 4 ----|
    #                            |---- 1 ----|
    windows = [(0, 2, 5.0), (1, 3, 6.0), (2, 4, 4.0), (3, 5, 1.0)]
    assert top_windows(windows, 5) == [(1, 3, 6.0), (3, 5, 1.0)]
    assert top_windows(windows, 1) == [(1, 3, 6.0)]
    side_by_side = [(0, 2, 1.0), (2, 4, 3.0), (4, 6, 2.0)]
    assert top_windows(side_by_side, 2) == [(2, 4, 3.0), (4, 6, 2.0)]


# Cut out of a file


@pytest.mark.parametrize(("sr", "name"), [(16000, "a.wav"), (44100, "a.flac"), (22050, "a.mp3")])
def test_segments_are_what_the_detector_heard(band_detector, recording, sr, name):
    path = recording(6.0, sr, name)
    detector = load_detector(band_detector)
    windows = top_windows(detector.predict(path).windows, 3)
    for (start, end, score), y in zip(windows, cut(path, [window[:2] for window in windows]), strict=True):
        assert y.dtype == np.float32 and len(y) == round(SR * (end - start))
        assert detector.score_windows(y) == pytest.approx([score], abs=1e-6)


def test_spans_in_any_order_and_over_one_another(recording):
    path = recording(3.0)
    y = audio.to_mono(sf.read(path, dtype="float32")[0])
    found = cut(path, [(1.5, 3.0), (0, 0.5), (1.0, 2.0)])
    for span, expected in zip(found, (y[24000:], y[:8000], y[16000:32000]), strict=True):
        np.testing.assert_array_equal(span, expected)


def test_a_file_that_has_become_shorter(recording):
    path = recording(3.0)
    with pytest.raises(FakeOrRealError, match="has become shorter"):
        cut(path, [(0, 1), (2.5, 3.5)])


def test_memory_does_not_grow_with_the_recording(tmp_path, make_speech):
    second = make_speech(1.0, 8000)
    path = tmp_path / "long.wav"
    with sf.SoundFile(path, "w", 8000, 1) as f:
        for _ in range(600):
            f.write(second)
    tracemalloc.start()
    found = cut(path, [(10, 12.5), (500, 502.5)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(y) for y in found] == [40000, 40000]
    assert peak < 5e6  # the waveform at 16 kHz is 38 MB


# Analysed


def test_an_analysis(band_detector, recording):
    path = recording(5.3)
    found = analyze(path, band_detector, top=3)
    p = load_detector(band_detector).predict(path)
    assert found.prediction == p
    assert found.per_second == per_second(p.windows) and found.clip_scores == clip_scores(p)
    assert [(s.start, s.end, s.score) for s in found.segments] == top_windows(p.windows, 3)
    assert found.segments[0].probability == pytest.approx(probability(found.segments[0].score))
    assert found.without_gradients == ""


def test_maps_light_up_where_the_detector_listens_and_nowhere_else(band_detector, recording):
    for segment in analyze(recording(3.0), band_detector, top=2).segments:
        heard = segment.occlusion[2]  # 2 to 3 kHz
        assert np.abs(np.delete(segment.occlusion, 2, axis=0)).max() < 0.1 * np.abs(heard).max()
        assert np.abs(heard).min() > 0.01
        parts = np.abs(segment.gradients.values).sum(axis=1)
        bands = np.flatnonzero(parts > 1e-6)  # of 32, 250 Hz each
        assert bands.tolist() == [9, 10]
        assert segment.gradients.gap < 1e-3
        assert segment.gradients.baseline + segment.gradients.values.sum() == pytest.approx(segment.score, abs=1e-2)


def test_any_detector_of_spectral_texture(tiny_detector, recording):
    found = analyze(str(recording(4.0)), tiny_detector)
    assert len(found.segments) == 1  # 0 to 2.5 s and 1.5 to 4 s: they overlap
    (segment,) = found.segments
    assert segment.occlusion.shape == (8, 8) and segment.occlusion.any()
    assert len(segment.gradients.names) == len(segment.gradients.values) == 10
    assert segment.gradients.baseline + segment.gradients.values.sum() == pytest.approx(segment.score, abs=0.05)


def test_half_a_second(band_detector, recording):
    (segment,) = analyze(recording(0.5), band_detector).segments
    assert (segment.start, segment.end) == (0, 0.5) and len(segment.samples) == 8000


def test_without_gradients_all_else_is_there(band_detector, recording, tmp_path):
    folder = shutil.copytree(band_detector, tmp_path / "copy")
    (folder / "band-1.keras").unlink()
    path = recording(3.0)
    found = analyze(path, folder, top=2)
    assert found.without_gradients.startswith("The detector comes without its Keras networks")
    for segment, expected in zip(found.segments, analyze(path, band_detector, top=2).segments, strict=True):
        assert segment.gradients is None
        np.testing.assert_array_equal(segment.occlusion, expected.occlusion)


def test_the_shipped_detector_is_the_default(recording, monkeypatch):
    asked = []
    monkeypatch.setattr(analysis, "load_detector", lambda folder: asked.append(folder) or load_detector(folder))
    monkeypatch.setattr(analysis, "occlusion_map", lambda score, y: np.zeros((8, 8), np.float32))
    found = analyze(recording(2.5))
    assert asked == [None] and found.prediction.detector == "texture"
    assert found.without_gradients == "" and found.segments[0].gradients.gap < 1e-3


# Errors


@pytest.mark.parametrize("top", [0, -1, 21])
def test_how_many_segments(band_detector, recording, top):
    with pytest.raises(FakeOrRealError, match=rf"`top` must be 1 to 20 segments\. Received: {top}\."):
        analyze(recording(1.0), band_detector, top=top)


@pytest.mark.parametrize("y", [np.zeros(SR), np.full(SR, np.nan), np.ones(100) / 2])
def test_what_has_no_verdict_has_no_analysis(band_detector, tmp_path, y):
    path = tmp_path / "x.wav"
    sf.write(path, y, SR, subtype="FLOAT")
    with pytest.raises(FakeOrRealError, match=r"x\.wav"):
        analyze(path, band_detector)
    with pytest.raises(FakeOrRealError, match="no such file"):
        analyze(tmp_path / "gone.wav", band_detector)


def test_no_detector(recording, tmp_path):
    with pytest.raises(FakeOrRealError, match=r"holds no detector\.json"):
        analyze(recording(1.0), tmp_path)
