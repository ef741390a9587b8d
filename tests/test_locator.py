"""The frozen localiser: where its regions lie, at any length, and what it refuses."""

import json

import numpy as np
import pytest
import soundfile as sf
from locator_double import SETTINGS, tone_network, with_tones

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.frame_mel import FrameMel
from fakeorreal.freeze_locator import freeze_locator
from fakeorreal.locator import FOLDER, FRAME, load_locator

SR = 16000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locator") / "tones"
    freeze_locator(tone_network(), FrameMel(), folder, **SETTINGS)
    return folder


@pytest.fixture(scope="module")
def locator(folder):
    return load_locator(folder)


def spans(location):
    return [region[:2] for region in location.regions]


@pytest.mark.parametrize(
    ("seconds", "tones"),
    [
        (0.5, [(0.1, 0.3)]),
        (6.0, [(1.0, 2.5), (4.0, 4.2)]),
        (10.0, [(0.0, 1.0), (9.5, 10.0)]),
        (12.3, [(4.8, 5.4), (9.7, 10.6), (12.0, 12.3)]),  # across where windows begin and end
        (31.0, [(14.9, 15.2), (20.0, 26.0)]),
        (45.013, [(44.5, 45.013)]),
    ],
)
def test_regions_are_where_they_are(locator, seconds, tones):
    found = spans(locator.locate(with_tones(seconds, tones), sr=SR))
    assert np.array(found) == pytest.approx(np.array(tones), abs=0.021)


def test_a_recording_without_any_has_none(locator):
    location = locator.locate(with_tones(25, []), sr=SR)
    assert location.regions == () and location.share == 0


def test_every_20_ms_has_a_score(locator):
    for n in (FRAME * 500, FRAME * 500 + 1, FRAME * 1201 - 7):
        y = with_tones(n / SR, [])[:n]
        assert locator.locate(y, sr=SR).scores.shape == (-(-n // FRAME),)


def test_the_middle_of_a_window_counts_more_than_its_edge(locator):
    """Of windows that begin at 0 and 5 s, the frame at 5 s lies in the middle of the first."""
    y = with_tones(15, [(4.0, 6.0)])
    first, second = (locator.score_frames([y[s : s + 10 * SR]]) for s in (0, 5 * SR))
    blended = locator.score_frames([y])
    k = np.arange(250, 500)
    near, far = 500 - k - 0.5, k - 250 + 0.5
    expected = (near * first[250:] + far * second[:250]) / (near + far)
    assert blended[250:500] == pytest.approx(expected, abs=1e-4)
    assert blended[:250] == pytest.approx(first[:250], abs=1e-5)


def test_blocks_of_any_size_give_the_same(locator):
    y = with_tones(23.7, [(3, 4), (18, 22)])
    whole = locator.score_frames([y])
    for size in (1000, 77777):
        assert np.array_equal(whole, locator.score_frames(np.split(y, range(size, len(y), size))))


@pytest.mark.parametrize("sr", [8000, 44100])
def test_files_of_any_rate(locator, tmp_path, sr):
    y = with_tones(12, [(3, 5)], sr=sr)
    sf.write(tmp_path / "a.wav", np.stack([y, y], axis=1), sr)
    location = locator.locate(tmp_path / "a.wav")
    assert spans(location) == [pytest.approx((3, 5), abs=0.021)]
    assert (location.file, location.sample_rate, location.channels) == (str(tmp_path / "a.wav"), sr, 2)


def test_confidence_is_the_mean_probability(locator):
    location = locator.locate(with_tones(8, [(2, 4)]), sr=SR)
    ((start, end, confidence),) = location.regions
    frames = location.scores[round(start / 0.02) : round(end / 0.02)]
    assert confidence == pytest.approx(np.mean(1 / (1 + np.exp(-frames.astype(float)))))
    assert location.share == pytest.approx((end - start) / 8)


def test_what_it_says_can_be_written_as_json(locator):
    values = json.loads(json.dumps(locator.locate(with_tones(8, [(2, 4)]), sr=SR).to_dict()))
    assert values["locator"] == "tones" and values["regions"][0][0] == pytest.approx(2, abs=0.021)
    assert "scores" not in values and values["weight_hash"] == locator.hash


def test_settings_shape_the_regions(tmp_path):
    y = with_tones(8, [(1, 2), (2.3, 3), (5, 5.1)])
    regions = {"median": 5, "least": 0.3, "gap": 0.5}
    locator = freeze_locator(tone_network(), FrameMel(), tmp_path / "a", **SETTINGS | {"regions": regions})
    assert spans(locator.locate(y, sr=SR)) == [pytest.approx((1, 3), abs=0.021)]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(4000, np.float32), "lasts 0.250 s. Locating needs 0.5 s"),
        (np.full(16000, np.nan, np.float32), "finite"),
        (np.zeros(16000, np.int16), "floating-point"),
    ],
)
def test_what_is_refused(locator, y, message):
    with pytest.raises(FakeOrRealError, match=message):
        locator.locate(y, sr=SR)


def test_no_locator_there(tmp_path):
    with pytest.raises(FakeOrRealError, match=r"holds no locator\.json"):
        load_locator(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sr": 8000}, "`sr` must be 16000. Received: 8000"),
        ({"threshold": None}, "is malformed"),
        ({"threshold": float("inf")}, "`threshold` must be finite"),
        ({"calibration": {"scale": 0, "offset": 0}}, "`scale` must be positive"),
        ({"calibration": {"scale": 1}}, "lacks 'offset'"),
        ({"regions": {"median": 4, "least": 0, "gap": 0}}, "`median` must be an odd number"),
        ({"regions": {"median": 1, "least": -1, "gap": 0}}, "`least` and `gap`"),
        ({"member": {"file": "../a.onnx", "sha256": ""}}, "`member` must name a file beside it"),
        ({"front_end": {"class": "FrameMel", "version": 99}}, "is at version"),
        ({"member": {"file": "tones.onnx", "sha256": "0" * 64}}, "is not the network that was frozen"),
    ],
)
def test_settings_that_cannot_be(folder, tmp_path, change, message):
    settings = json.loads((folder / "locator.json").read_text()) | change
    (tmp_path / "locator.json").write_text(json.dumps(settings))
    (tmp_path / "tones.onnx").write_bytes((folder / "tones.onnx").read_bytes())
    with pytest.raises(FakeOrRealError, match=message):
        load_locator(tmp_path)


def test_freezing_is_all_or_nothing(tmp_path):
    with pytest.raises(FakeOrRealError, match="`median`"):
        freeze_locator(
            tone_network(), FrameMel(), tmp_path / "a", **SETTINGS | {"regions": {"median": 2, "least": 0, "gap": 0}}
        )
    assert not list(tmp_path.iterdir())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "f").write_text("")
    with pytest.raises(FakeOrRealError, match="holds files already"):
        freeze_locator(tone_network(), FrameMel(), tmp_path / "full", **SETTINGS)


def test_the_localiser_of_the_package_is_the_one_on_its_card():
    locator = load_locator()
    card = (FOLDER / "MODEL_CARD.md").read_text()
    assert f"`{locator.name}` {locator.version}" in card and f"`{locator.hash}`" in card


def test_the_network_of_the_package_is_its_keras_model(make_speech):
    import keras

    y = make_speech(10.0, SR, seed=3)
    model = keras.models.load_model(FOLDER / "localizer.keras", safe_mode=True)
    logits = np.asarray(model.predict_on_batch(FrameMel()(y)[None])[0])[0]
    calibration = json.loads((FOLDER / "locator.json").read_text())["calibration"]
    scores = load_locator().score_frames([y])
    np.testing.assert_allclose(scores, calibration["scale"] * logits + calibration["offset"], atol=1e-3)
