"""Fingerprints: against direct computation, a bootstrap and chance, on noise whose artefacts are built in."""

import numpy as np
import pandas as pd
import pytest
import pywt
import soundfile as sf
from scipy.stats import t as student
from signals import SR, decibel, power

from fakeorreal import audio, fingerprints
from fakeorreal.errors import FakeOrRealError

GROUPS = 24


def tone(frequency, amplitude, phase=0.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(2 * SR) / SR + phase)


def versions(group, rng):
    """Two seconds of noise of its own level and colour, and what fakes make of it."""
    noise = rng.uniform(0.3, 1) * 0.05 * rng.standard_normal(2 * SR + 8)
    human = noise[8:] + rng.uniform(0, 1) * noise[:-8]
    phases = rng.uniform(0, 2 * np.pi, 3)
    return {
        "human": human,
        "locked": human + tone(1000, 1e-3, 1) + tone(3187.5, 2e-3, 1),
        "loose": human + tone(1000, 1e-3, phases[0]) + tone(3187.5, 2e-3, phases[1]),
        "humming": human + tone(2000, 2e-2, phases[2]),
        "once": human + tone(2500, 0.2 if group == 5 else 0),
        "other": rng.uniform(0.3, 1) * 0.05 * rng.standard_normal(2 * SR),
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """24 utterances of 2 frames; of every third the human version has one more."""
    folder, rng = tmp_path_factory.mktemp("fingerprints"), np.random.default_rng(7)
    rows = []
    for group in range(GROUPS):
        for generator, y in versions(group, rng).items():
            path = folder / f"{generator}-{group}.wav"
            n = 3 if generator == "human" and group % 3 == 0 else 2
            sf.write(path, np.resize(y, n * SR), SR, subtype="FLOAT")
            rows += [(f"{path.name}#{k}", str(path), f"g{group}", generator, float(k), k + 1.0) for k in range(n)]
    return pd.DataFrame(rows, columns=["clip", "path", "group", "generator", "start", "end"])


@pytest.fixture(scope="module")
def found(corpus):
    return fingerprints.fingerprints(some(corpus, "human", "humming", "once", "other"), sr=SR)


@pytest.fixture(scope="module")
def locking(corpus):
    return fingerprints.phase_locking(some(corpus, "human", "locked", "loose"), sr=SR)


def some(corpus, *generators, groups=GROUPS):
    return corpus[corpus["generator"].isin(generators) & corpus["group"].isin([f"g{k}" for k in range(groups)])]


def frames(corpus, generator):
    rows = corpus[corpus["generator"] == generator]
    return np.stack([audio.read(r.path, sr=SR, start=r.start, end=r.end) for r in rows.itertuples()]).astype(float)


def reach(fingerprint, generator):
    return (fingerprint.high[generator] - fingerprint.low[generator]).to_numpy() / 2


def test_mean_spectrum_is_that_of_all_frames(corpus, found):
    spectrum = found["mean spectrum"]
    assert list(spectrum.mean) == ["human", "humming", "once", "other"]
    assert list(spectrum.difference) == ["humming", "once", "other"]
    assert list(spectrum.mean.index) == list(range(8001)) and spectrum.mean.index.name == "frequency"
    human, other = (np.abs(np.fft.rfft(frames(corpus, name))).mean(0) * 2 / SR for name in ("human", "other"))
    np.testing.assert_allclose(spectrum.mean["human"], human, rtol=1e-4)
    np.testing.assert_allclose(spectrum.difference["other"], 20 * np.log10(other / human), atol=1e-3)
    assert spectrum.mean.loc[2000, "humming"] == pytest.approx(0.02, rel=0.05)  # the amplitude of its tone


def test_packets_are_those_of_pywt_in_frequency_order(corpus):
    few = some(corpus, "human", "humming", groups=2)
    packets = fingerprints.fingerprints(few, sr=SR)["haar packets"]
    for generator in ("human", "humming"):
        tree = pywt.WaveletPacket(frames(few, generator), "haar", "reflect", maxlevel=14, axis=-1)
        expected = [np.abs(node.data).mean() for node in tree.get_level(14, "freq")]
        np.testing.assert_allclose(packets.mean[generator], expected, rtol=1e-3, atol=1e-5)
    step = SR / 2 / 2**14
    assert packets.mean.index[0] == step / 2 and packets.mean.index[-1] == SR / 2 - step / 2
    assert packets.mean["humming"].idxmax() == pytest.approx(2000, abs=step)


@pytest.mark.parametrize("generator", ["humming", "other"])
def test_the_interval_is_that_of_a_bootstrap_over_groups(corpus, found, generator):
    ratio = 1
    draws = np.random.default_rng(0).multinomial(GROUPS, [1 / GROUPS] * GROUPS, size=2000)
    bins = slice(1500, 2500)
    for name, power_of in ((generator, 1), ("human", -1)):
        groups = [np.abs(np.fft.rfft(frames(rows, name)))[:, bins] for _, rows in corpus.groupby("group")]
        sums, counts = np.array([g.sum(0) for g in groups]), np.array([len(g) for g in groups])
        ratio = ratio * (draws @ sums / (draws @ counts)[:, None]) ** power_of
    deviation = (20 * np.log10(ratio)).std(axis=0)
    ours = reach(found["mean spectrum"], generator)[bins] / student.ppf(1 - 0.025 / 8001, GROUPS - 1)
    assert np.median(ours / deviation) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(ours, deviation)[0, 1] > 0.9


def test_what_a_recording_and_its_copy_share_cancels(corpus):
    pair = some(corpus, "human", "humming")
    strangers = pair.assign(group=pair["group"] + pair["generator"])
    narrow, wide = (reach(fingerprints.mean_energy(c, sr=SR), "humming") for c in (pair, strangers))
    assert np.median(narrow / wide) < 0.2


def test_only_what_differs_lies_outside_the_interval(found):
    for fingerprint in found.values():
        outside = (fingerprint.low > 0) | (fingerprint.high < 0)
        assert not outside["once"].any()  # 20 dB at 2,500 Hz, but in one utterance of 24
        assert outside["humming"].any() and outside.index[outside["humming"]].min() > 1900
    spectrum = found["mean spectrum"]
    assert list(spectrum.low.index[spectrum.low["humming"] > 0]) == [2000]
    assert spectrum.difference.loc[2500, "once"] > 10


def test_frames_are_read_in_any_order_and_number_at_a_time(corpus, monkeypatch):
    few = some(corpus, "human", "humming", groups=4)
    expected = fingerprints.mean_energy(few, sr=SR)
    monkeypatch.setattr(fingerprints, "_BATCH", 1)
    for ours, theirs in zip(fingerprints.mean_energy(few[::-1], sr=SR), expected, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


def test_spikes_are_found_where_they_were_put(found):
    (row,) = fingerprints.spikes(found["mean spectrum"]).itertuples()
    assert (row.generator, row.frequency, row.low, row.high) == ("humming", 2000, 2000, 2000)
    assert row.difference == found["mean spectrum"].difference.loc[2000, "humming"]
    assert row.height == pytest.approx(row.difference, abs=0.3) and row.z > 6
    packets = fingerprints.spikes(found["haar packets"])
    peak = packets[packets["generator"] == "humming"].nlargest(1, "height")
    assert peak["frequency"].item() == pytest.approx(2000, abs=1)


def test_a_spike_is_narrow_and_wider_than_its_interval(rng):
    frequency = np.arange(4001.0)
    difference = pd.DataFrame({"a": rng.normal(0, 0.5, 4001)}, pd.Index(frequency, name="frequency"))
    difference.loc[:1000, "a"] += 8  # a shelf
    difference.loc[[1500, 1501, 2000], "a"] = 9, 8, 7
    difference.loc[3000, "a"] = -9
    reach = difference * 0 + 3
    reach.loc[2000] = 20  # of one utterance alone
    fingerprint = fingerprints.Fingerprint(None, difference, difference - reach, difference + reach)
    found = fingerprints.spikes(fingerprint)
    assert found[["generator", "frequency", "low", "high"]].to_numpy().tolist() == [
        ["a", 1500, 1500, 1501],
        ["a", 3000, 3000, 3000],
    ]
    np.testing.assert_allclose(found["height"], [9, -9], atol=0.2)
    np.testing.assert_allclose(found["z"], [18, -18], rtol=0.2)


def test_energy_of_all_bands_is_that_of_the_waveform(corpus):
    energy = fingerprints.mean_energy(corpus, sr=SR)
    assert list(energy.mean.index) == list(range(250, 8000, 500))
    assert energy.mean["human"].sum() == pytest.approx(power(frames(corpus, "human")), rel=1e-5)
    assert energy.mean.loc[2250, "humming"] - energy.mean.loc[2250, "loose"] == pytest.approx(2e-4, rel=0.05)
    gain = energy.difference["humming"]
    assert gain.idxmax() == 2250 and gain.drop(2250).abs().max() < 0.2
    level = decibel(energy.mean.loc[2250, "humming"] / energy.mean.loc[2250, "human"])
    assert gain[2250] == pytest.approx(level) and energy.low.loc[2250, "humming"] > 0


def test_bands_end_below_half_the_rate(corpus):
    few = some(corpus, "human", "humming", groups=2)
    energy, before = (fingerprints.mean_energy(few, sr=sr) for sr in (22050, SR))
    assert list(energy.mean.index) == list(range(250, 11000, 500))
    np.testing.assert_allclose(energy.mean.loc[:7000], before.mean.loc[:7000], rtol=1e-2)


def test_tones_that_begin_alike_are_locked(locking):
    found = fingerprints.locked_tones(locking)
    assert set(found["generator"]) == {"locked"}
    assert found[["frequency", "low", "high"]].iloc[0].tolist() == [1000, 1000, 1000]
    assert found["frequency"][1:].between(3180, 3195).all()  # between two bins it leaks into more
    assert found["frequency"][found["strength"][1:].idxmax()] in (3187, 3188)
    assert (found["strength"] > locking.limit["locked"]).all()


def test_strength_is_the_length_of_the_sum_of_unit_vectors(corpus, locking):
    first = np.fft.rfft(frames(corpus[corpus["start"] == 0], "locked"))
    expected = np.abs((first / np.abs(first)).sum(0)) / np.sqrt(GROUPS)
    np.testing.assert_allclose(locking.strength["locked"][1:-1], expected[1:-1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n", [12, 40])
def test_the_limit_of_chance_is_kept(n):
    rng, tests = np.random.default_rng(1), 50
    strength = [
        np.abs(np.exp(2j * np.pi * rng.random((4000 * tests, n), np.float32)).sum(1)) / np.sqrt(n) for _ in range(2)
    ]
    found = np.max(np.reshape(strength, (-1, tests)), axis=1) > fingerprints._rayleigh_limit(n, tests)
    assert found.mean() == pytest.approx(0.05, abs=0.01)


def test_few_utterances_cannot_be_locked():
    assert fingerprints._rayleigh_limit(5, 8001) == np.inf


@pytest.fixture(scope="module")
def audible(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audible") / "new"
    return fingerprints.write_audible(found["mean spectrum"], folder, sr=SR)


def test_audible_is_what_a_generator_adds(audible):
    assert "once" not in audible  # more than chance cannot be told from one utterance
    assert audible["humming"].name == "humming.wav"
    y = audio.read(audible["humming"], sr=SR)
    spectrum = np.abs(np.fft.rfft(y[SR : 2 * SR])) ** 2
    assert spectrum[2000] > 0.99 * spectrum.sum()


def test_audible_startles_nobody(audible):
    for path in audible.values():
        y, sr = sf.read(path)
        assert (len(y), sr, sf.info(path).subtype) == (3 * SR, SR, "PCM_16")
        assert np.abs(y).max() <= 0.5
        assert decibel(power(y[SR : 2 * SR])) == pytest.approx(-30, abs=0.5)
        for end in (y[:100], y[-100:]):
            assert np.abs(end).max() < 1e-3
        step = np.abs(np.diff(y[SR - 50 : SR + 50])).max()
        assert step < 1.5 * np.abs(np.diff(y[SR // 2 : SR // 2 + 4000])).max()  # no click between periods


def test_audible_is_neither_a_click_nor_below_hearing(tmp_path):
    mean = pd.DataFrame({"human": 1e-3, "rumble": 1e-3, "hiss": 1e-3, "less": 1e-4}, pd.RangeIndex(SR // 2 + 1))
    mean.loc[:19, "rumble"] = 1
    mean.loc[4000:, "hiss"] = 2e-3
    sure = mean[["rumble", "hiss", "less"]].sub(mean["human"], axis=0)
    written = fingerprints.write_audible(fingerprints.Fingerprint(mean, sure, sure, sure), tmp_path, sr=SR)
    assert list(written) == ["hiss"]
    y = audio.read(written["hiss"], sr=SR)
    assert np.abs(y).max() < 6 * np.sqrt(power(y))
    spectrum = np.abs(np.fft.rfft(y[SR : 2 * SR]))
    assert spectrum[1:3990].max() < 0.02 * np.median(spectrum[4010:])


def test_audible_is_the_same_twice_and_quieter_where_peaks_are_high(tmp_path, monkeypatch, found):
    paths = [fingerprints.write_audible(found["mean spectrum"], tmp_path / k, sr=SR)["humming"] for k in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    monkeypatch.setattr(fingerprints, "_RMS", 2.0)
    loud = fingerprints.write_audible(found["mean spectrum"], tmp_path / "c", sr=SR)["humming"]
    assert np.abs(audio.read(loud, sr=SR)).max() == pytest.approx(0.5, abs=1e-3)


@pytest.fixture(scope="module")
def voices(tmp_path_factory, make_speech):
    folder = tmp_path_factory.mktemp("voices")
    rows = []
    for group, f0 in (("low", 110.0), ("high", 220.0)):
        for generator in ("lpc", "human"):
            y = make_speech(2, SR, f0=f0, seed=len(rows))
            y[SR : SR + SR // 3] *= 1e-3  # a pause
            path = folder / f"{group}-{generator}.wav"
            sf.write(path, y, SR)
            rows += [(f"{path.name}#{k}", str(path), group, generator, float(k), k + 1.0) for k in (0, 1)]
    return pd.DataFrame(rows, columns=["clip", "path", "group", "generator", "start", "end"])


def test_pitch_is_that_of_the_voice(voices):
    table = fingerprints.pitch(voices, sr=SR)
    assert table["generator"].tolist() == ["human", "human", "lpc", "lpc"]
    assert table["group"].tolist() == ["high", "low"] * 2
    np.testing.assert_allclose(table["pitch"], [220, 110] * 2, rtol=0.06)


def test_pitch_is_measured_on_a_bounded_number_of_frames(voices, monkeypatch):
    monkeypatch.setattr(fingerprints, "_PITCH_GROUPS", 1)
    monkeypatch.setattr(fingerprints, "_PITCH_FRAMES", 1)
    read = []
    monkeypatch.setattr(fingerprints.audio, "read", lambda path, **kw: read.append(path) or np.zeros(SR, np.float32))
    assert fingerprints.pitch(voices, sr=SR).empty  # silence has none
    assert len(read) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: some(c, "human", groups=3), "another generator"),
        (lambda c: some(c, "other", "once", groups=3), "'human'"),
        (lambda c: some(c, "human", "other", groups=1), "2 groups"),
        (lambda c: some(c, "human", "other", groups=3).assign(end=lambda t: t["end"] - 0.25), "frame of 1 s"),
    ],
)
def test_what_cannot_be_compared_is_an_error(corpus, change, message):
    with pytest.raises(FakeOrRealError, match=message):
        fingerprints.mean_energy(change(corpus), sr=SR)


def test_a_generator_that_is_silent_is_an_error(corpus, tmp_path):
    sf.write(tmp_path / "silence.wav", np.zeros(2 * SR), SR)
    few = some(corpus, "human", "other", groups=3)
    silent = few["path"].where(few["generator"] == "human", str(tmp_path / "silence.wav"))
    with pytest.raises(FakeOrRealError, match="'other' holds nothing at 250 Hz"):
        fingerprints.mean_energy(few.assign(path=silent), sr=SR)
