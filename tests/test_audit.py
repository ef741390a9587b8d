import numpy as np
import pytest
import soundfile as sf

from fakeorreal import audit
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError

SR = 16000
MEASURES = ["duration", "level", "dc", "exact_zeros", "noise_floor", "rolloff", "silence_start", "silence_end"]


def tone(seconds, *, frequency=1000, amplitude=0.1):
    t = np.arange(round(seconds * SR)) / SR
    return (amplitude * np.sin(2 * np.pi * frequency * t + 0.1)).astype(np.float32)


def test_measures_of_a_tone():
    found = audit.trivial_measures(tone(2.0), sr=SR)
    assert list(found) == MEASURES
    assert found["duration"] == 2.0
    assert found["level"] == pytest.approx(20 * np.log10(0.1 / np.sqrt(2)), abs=0.01)
    assert found["noise_floor"] == pytest.approx(found["level"], abs=0.01)
    assert found["rolloff"] == pytest.approx(1000, abs=1)
    assert found["dc"] == pytest.approx(0, abs=1e-5)
    assert (found["exact_zeros"], found["silence_start"], found["silence_end"]) == (0, 0, 0)


def test_silence_at_the_ends():
    #  0      0.4               1.4    1.6 s
    #  |  0   |=== tone, 1 s ===|  0   |
    found = audit.trivial_measures(np.r_[np.zeros(6400), tone(1.0), np.zeros(3200)].astype(np.float32), sr=SR)
    assert found["duration"] == pytest.approx(1.6)
    assert found["silence_start"] == pytest.approx(0.4)
    assert found["silence_end"] == pytest.approx(0.2)
    assert found["exact_zeros"] == pytest.approx(0.6 / 1.6)
    assert found["noise_floor"] == pytest.approx(-120)


def test_dc():
    assert audit.trivial_measures(tone(1.0) + np.float32(0.05), sr=SR)["dc"] == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.98])
def test_rolloff_is_where_99_per_cent_of_the_energy_lie(share):
    # A tone at 1 kHz has that share of the energy, one at 5 kHz the rest: 99 % are not below 5 kHz.
    y = np.sqrt(share) * tone(1.0) + np.sqrt(1 - share) * tone(1.0, frequency=5000)
    assert audit.trivial_measures(y, sr=SR)["rolloff"] == pytest.approx(5000, abs=1)
    y = np.sqrt(0.995) * tone(1.0) + np.sqrt(0.005) * tone(1.0, frequency=5000)
    assert audit.trivial_measures(y, sr=SR)["rolloff"] == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("y", [np.zeros(SR), np.ones(1), tone(0.005)], ids=["silence", "one sample", "5 ms"])
def test_any_clip_can_be_measured(y):
    assert np.isfinite(list(audit.trivial_measures(y.astype(np.float32), sr=SR).values())).all()


def build(folder, gain_of_fakes, per_class=50):
    """Noise of 0.1 s at a random level; fakes times a gain."""
    rng = np.random.default_rng(3)
    rows = []
    for split in ("training", "testing"):
        for label in (0, 1):
            for k in range(per_class):
                path = folder / f"{split}-{label}-{k}.wav"
                gain = 0.02 * rng.uniform(0.8, 1.25) * (gain_of_fakes if label else 1)
                sf.write(path, gain * rng.standard_normal(1600), SR)
                rows.append({"clip": path.name, "path": str(path), "label": label, "split": split, "group": path.name})
    return make_corpus(rows)


def test_an_obvious_shortcut_is_seen(tmp_path):
    measures = audit.measure(build(tmp_path, 3.0))
    assert list(measures) == ["clip", "label", "split", *MEASURES]
    table = audit.shortcut_auc(measures).set_index("measure")["auc"]
    assert list(table.index) == [*MEASURES, "all together"]
    assert table["level"] == 1.0 and table["noise_floor"] > 0.99
    assert table["duration"] == 0.5
    assert table["all together"] > 0.99


def test_quieter_fakes_are_below_a_half(tmp_path):
    table = audit.shortcut_auc(audit.measure(build(tmp_path, 0.3))).set_index("measure")["auc"]
    assert table["level"] == 0.0
    assert table["all together"] > 0.99


def test_a_fair_corpus_has_no_shortcut(tmp_path):
    measures = audit.measure(build(tmp_path, 1.0))
    table = audit.shortcut_auc(measures).set_index("measure")["auc"]
    assert 0.35 < table["level"] < 0.65
    assert 0.35 < table["all together"] < audit.SHORTCUT_LIMIT
    assert audit.shortcut_auc(measures).equals(audit.shortcut_auc(measures))


def test_the_windows_of_a_corpus_are_measured(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(path, np.r_[np.zeros(SR), tone(1.0)], SR)
    row = {"path": str(path), "label": "real", "split": "training", "group": "g"}
    rows = [{**row, "clip": "a#0", "start": 0.0, "end": 1.0}, {**row, "clip": "a#1", "start": 1.0}]
    measures = audit.measure(make_corpus(rows), n_jobs=1).set_index("clip")
    assert measures["duration"].tolist() == [1.0, 1.0]
    assert measures["exact_zeros"].tolist() == [1.0, 0.0]


def test_unreadable_clips_are_absent(tmp_path):
    corpus = build(tmp_path, 1.0, per_class=3)
    (tmp_path / "testing-1-0.wav").write_bytes(b"no sound")
    measures = audit.measure(corpus)
    assert len(measures) == 11 and "testing-1-0.wav" not in set(measures["clip"])


@pytest.mark.parametrize("lost", ["testing-1", "training-0", "t"])
def test_a_class_without_readable_clips_is_an_error(tmp_path, lost):
    corpus = build(tmp_path, 1.0, per_class=2)
    for path in tmp_path.glob(f"{lost}*"):
        path.write_bytes(b"no sound")
    with pytest.raises(FakeOrRealError, match="both classes in training and testing"):
        audit.shortcut_auc(audit.measure(corpus))
