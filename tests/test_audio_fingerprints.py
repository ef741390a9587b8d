import librosa
import numpy as np
import pytest
from scipy.fft import dct
from scipy.signal import lfilter
from signals import SR, sine

from fakeorreal import audio_fingerprints, channels
from fakeorreal.audio_fingerprints import HOP, fingerprint, near_pairs

CLIPS = 5
SOUNDING = 1 << 30


def babble(seconds, seed):
    """Syllables of random length, loudness, pitch and formants, over faint noise: float32, peak 0.5."""
    rng = np.random.default_rng(seed)
    n, parts = round(seconds * SR), []
    while sum(map(len, parts)) < n:
        t = np.arange(round(rng.uniform(0.08, 0.25) * SR)) / SR
        y = np.diff(np.floor(rng.uniform(90, 250) * t), prepend=0.0) + rng.uniform(0.01, 0.2) * rng.standard_normal(
            len(t)
        )
        for centre in rng.uniform([250, 800, 1900], [800, 1900, 3300]):
            y = lfilter([1.0], [1.0, -1.96 * np.cos(2 * np.pi * centre / SR), 0.96], y)
        parts.append(rng.uniform(0.1, 1) * np.hanning(len(t)) * y / np.abs(y).max())
    y = np.concatenate(parts)[:n] + 1e-4 * rng.standard_normal(n)
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def codes(*rows, sounding=True):
    """A fingerprint of given codes, whose first six bits are the doubtful ones."""
    doubtful = sum(place << 5 * place for place in range(6))
    return np.array([[row, doubtful + SOUNDING * sounding] for row in rows], np.uint32)


def test_codes_are_the_signs_of_the_change_of_the_cepstrum():
    """Against librosa's mel bands, frame by frame."""
    y = librosa.resample(babble(0.8, 1), orig_sr=SR, target_sr=8000, res_type="soxr_hq")
    bands = librosa.filters.mel(sr=8000, n_fft=1024, n_mels=24, fmin=300, fmax=3400, htk=True, norm=None)
    frames = [y[k : k + 512] * np.hanning(512) for k in range(0, len(y) - 511, 128)]
    energy = np.array([bands @ np.abs(np.fft.rfft(frame, 1024)) ** 2 for frame in frames])
    cepstrum = dct(np.log(energy / energy.mean(axis=0) + 0.01), norm="ortho")[:, :16]
    t = np.arange(-12, 13) / 25
    bell = np.cos(np.pi * t) ** 2
    bulge = np.cos(2 * np.pi * t) * bell
    found = fingerprint(babble(0.8, 1), sr=SR)
    assert found.dtype == np.uint32 and found.shape == (len(frames) - 24, 2)
    for k, (code, mark) in enumerate(found.tolist()):
        around = cepstrum[k : k + 25].T
        rise, arch = np.sin(2 * np.pi * t) * bell, bulge - bell * bulge.sum() / bell.sum()
        changes = np.r_[around @ rise / np.linalg.norm(rise), around @ arch / np.linalg.norm(arch)]
        assert [code >> bit & 1 for bit in range(32)] == list(changes > 0)
        doubtful = {mark >> 5 * place & 31 for place in range(6)}
        assert doubtful == set(np.argsort(np.abs(changes))[:6])
        assert mark >> 30 == (np.sqrt(np.mean(changes**2)) > 1)


def test_silence_and_less_than_a_change_have_no_codes():
    assert fingerprint(np.zeros(SR, np.float32), sr=SR).shape == (0, 2)
    assert fingerprint(babble(0.44, 1), sr=SR).shape == (0, 2)
    assert fingerprint(babble(0.45, 1), sr=SR).shape == (1, 2)


def test_a_pause_has_no_sound():
    marks = fingerprint(np.r_[babble(1, 1), np.zeros(2 * SR, np.float32), babble(1, 2)], sr=SR)[:, 1] >> 30
    assert marks[:30].all() and marks[-30:].all() and not marks[65:160].any()
    assert not (fingerprint(sine(440, seconds=2), sr=SR)[:, 1] >> 30).any()


def test_a_long_clip_is_taken_in_parts(monkeypatch):
    whole = fingerprint(babble(3, 1), sr=SR)
    monkeypatch.setattr(audio_fingerprints, "_AT_A_TIME", 50)
    np.testing.assert_array_equal(fingerprint(babble(3, 1), sr=SR), whole)


def test_score_and_offset_by_hand(rng):
    """b is 40 codes of a, from its 13th on, with bits 0 and 5 wrong in all and bits 9 and 20 in half of them.

    a  |------------x========================================-----|
    b               |========================================|      40 x 2 + 20 x 2 = 120 of 1280 bits
    """
    a = codes(*rng.integers(2**32, size=60))
    b = codes(*a[12:52, 0])
    b[:, 0] ^= 1 + 2**5
    b[::2, 0] ^= 2**9 + 2**20
    found = near_pairs([codes(*rng.integers(2**32, size=50)), b, a])
    assert found.to_dict("records") == [{"a": 1, "b": 2, "offset": -12 * HOP, "score": 1 - 120 / 1280}]


def test_what_has_no_sound_does_not_count(rng):
    shared, pause = rng.integers(2**32, size=35), codes(*[0] * 40, sounding=False)
    other = np.concatenate([codes(*shared), codes(*[2**32 - 1] * 40, sounding=False)])
    assert near_pairs([np.concatenate([codes(*shared), pause]), other])["score"].tolist() == [1.0]
    one, two = (np.concatenate([codes(*shared[:20]), pause, codes(*rng.integers(2**32, size=1))]) for _ in "ab")
    assert near_pairs([one, two]).empty  # 20 codes are too few, however long the pause


def test_a_code_that_everyone_has_is_not_searched_for(monkeypatch):
    clips = [codes(*[7] * 40)] * 7  # 280 times
    assert near_pairs(clips).empty
    monkeypatch.setattr(audio_fingerprints, "_MOST_COMMON", 280)
    found = near_pairs(clips)
    assert len(found) == 21 and not found["offset"].any()  # the longest of many matches that are alike


def test_nothing_to_compare():
    for clips in ([], [np.zeros((0, 2), np.uint32)] * 2, [codes(1, 2, 3)]):
        found = near_pairs(clips)
        assert found.empty and list(found) == ["a", "b", "offset", "score"]


@pytest.fixture(scope="module")
def originals():
    return [babble(2.5, seed) for seed in range(CLIPS)]


def louder_after_a_while(y, rng):
    return np.r_[1e-4 * rng.standard_normal(round(0.37 * SR)), 1.5 * y].astype(np.float32)


CHANGES = {
    "gain": lambda y, rng: y / 4,
    "offset": louder_after_a_while,
    "cut": lambda y, rng: y[round(0.3 * SR) :][: 2 * SR],
    "mp3": lambda y, rng: channels.at_bit_rate(y, sr=SR, codec="mp3", bit_rate=64000),
    "opus": lambda y, rng: channels.at_bit_rate(y, sr=SR, codec="opus", bit_rate=24000),
    "g722": lambda y, rng: channels.g722(y),
    "telephone": lambda y, rng: channels.telephone_call(y, sr=SR),
    "re-recorded": lambda y, rng: channels.rerecord(y, sr=SR, rng=rng),
    "noise": lambda y, rng: channels.add_noise(y, snr=20, tilt=3, rng=rng),
}
BEGINS = {"offset": -0.37, "cut": 0.3}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_nothing_else(originals, change, rng):
    copies = [CHANGES[change](y, rng) for y in originals]
    found = near_pairs([fingerprint(y, sr=SR) for y in (*originals, *copies)])
    assert list(zip(found["a"], found["b"], strict=True)) == [(k, k + CLIPS) for k in range(CLIPS)]
    np.testing.assert_allclose(found["offset"], BEGINS.get(change, 0), atol=1.5 * HOP)
    assert found["score"].between(0.75, 1).all()


def test_a_clip_out_of_a_recording_at_another_rate():
    recording = babble(20, 1)
    clip = audio_fingerprints.resample(recording[round(11.1 * SR) :][: 2 * SR], sr_from=SR, sr_to=22050)
    found = near_pairs([fingerprint(recording, sr=SR), fingerprint(clip, sr=22050)])
    assert found["offset"].tolist() == pytest.approx([11.1], abs=HOP)


def test_padding_with_zeros_is_nothing_in_common():
    clips = [np.pad(babble(1, seed), (0, 2 * SR)) for seed in range(6)]
    assert near_pairs([fingerprint(y, sr=SR) for y in clips]).empty


def test_memory_is_bounded_and_the_parts_do_not_matter(originals, monkeypatch, rng):
    clips = [fingerprint(y, sr=SR) for y in (*originals, *(CHANGES["noise"](y, rng) for y in originals))]
    whole = near_pairs(clips)
    sizes = []
    hits = audio_fingerprints._Index._hits

    def counted(index):
        for one, other in hits(index):
            sizes.append(len(one))
            yield one, other

    monkeypatch.setattr(audio_fingerprints._Index, "_hits", counted)
    for name, most in (("_PROBES", 640), ("_HITS", 20), ("_CODES", 200)):
        monkeypatch.setattr(audio_fingerprints, name, most)
    assert near_pairs(clips).equals(whole) and len(whole) == CLIPS
    assert len(sizes) > 100 and max(sizes) <= 20 + audio_fingerprints._MOST_COMMON
