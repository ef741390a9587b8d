import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from fakeorreal import channels, speech
from fakeorreal.audio import SAMPLE_RATE as SR

FRAMES = 50  # a second


def heard(y, block=7777):
    """`Content` of a 16-kHz waveform that came in blocks."""
    content = speech.Content()
    blocks = [y[k : k + block] for k in range(0, len(y), block)]
    assert all(a is b for a, b in zip(content.watch(iter(blocks)), blocks, strict=True))
    return content


def clipped(y, block=None):
    clipping = speech.Clipping()
    y = np.asarray(y, np.float32)
    for _ in clipping.watch(np.split(y, range(block, len(y), block)) if block else [y]):
        pass
    return clipping


def unclipped():
    return clipped(np.zeros((100, 1)))


def tone(freq, seconds, level=0.3):
    return (level * np.sin(2 * np.pi * freq * np.arange(round(seconds * SR)) / SR)).astype(np.float32)


def note(freq, seconds):
    """Harmonics that fade, as of a plucked string."""
    fade = np.exp(-3 * np.arange(round(seconds * SR)) / SR).astype(np.float32)
    return fade * sum(tone(k * freq, seconds, 0.2 / k) for k in range(1, 8))


def song(seconds, beat=0.5):
    """Chords of three notes, another every beat."""
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    rng = np.random.default_rng(2)
    chords = [sum(note(f, beat) for f in rng.choice(scale, 3, replace=False)) for _ in range(round(seconds / beat))]
    return np.concatenate(chords)


def silence(seconds):
    return np.zeros(round(seconds * SR), np.float32)


@pytest.fixture
def voice(make_speech):
    """Five seconds with an "s" between the vowels, which reaches up to 8 kHz."""
    y = make_speech(5.0, SR)
    hiss = sosfilt(butter(4, 4000, "high", fs=SR, output="sos"), np.random.default_rng(1).standard_normal(len(y)))
    return y + (0.02 * hiss * np.abs(np.sin(2 * np.pi * 2 * np.arange(len(y)) / SR))).astype(np.float32)


# Clipping


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        ([0, 1, 1, 0, 1, 1, 0, 0, 0, 0], 0),
        ([0, 1, 1, 1, 0, 0, 0, 0, 0, 0], 3),
        ([1, 1, 1, 1, 0, -1, -1, -1, -1, -1], 9),
        ([0.99, 0.99, 0.99, 0.99, 0, 0, 0, 0, 0, 0], 0),
        ([0, 1.2, 1.3, 1.2, 0, 0, 0, 0, 0, 1], 3),
        ([1, 1], 0),
    ],
)
def test_clipping_by_hand(samples, count):
    assert clipped(np.array(samples)[:, None]).share == count / len(samples)


def test_clipping_counts_each_channel():
    both = np.array([[1, 0], [1, 1], [1, 0], [0, 1], [0, 1], [0, 1]])
    assert clipped(both).share == 6 / 12


def test_clipping_adds_up_over_blocks():
    y = np.tile([1, 1, 1, 1, 0, 0, 0, 0], 10)[:, None]
    assert clipped(y, block=8).share == clipped(y).share == 0.5


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_a_voice_at_full_scale_is_not_clipped_and_one_beyond_is(make_speech, sr):
    y = 2 * make_speech(3.0, sr)[:, None]  # peak 1
    assert clipped(y).share < 1e-3
    assert clipped(np.clip(3 * y, -1, 1)).share > 1e-3


# Speech and silence


def test_level_of_a_tone():
    levels = heard(tone(1000, 1.0, level=0.1)).levels
    assert len(levels) == FRAMES
    np.testing.assert_allclose(levels, 20 * np.log10(0.1 / np.sqrt(2)), atol=0.05)


@pytest.mark.parametrize("block", [100, 16000, 50000])
def test_blocks_do_not_matter(make_speech, block):
    y = np.concatenate([make_speech(2.33, SR), song(2.0)])
    whole, cut = heard(y, len(y)), heard(y, block)
    np.testing.assert_array_equal(whole.levels, cut.levels)
    assert (whole.bandwidth, whole.music) == (cut.bandwidth, cut.music)
    assert len(whole.levels) == len(y) // speech.FRAME


@pytest.mark.parametrize("f0", [90, 120, 220])
def test_speech_is_found_where_it_is(make_speech, f0):
    y = np.concatenate([silence(2), make_speech(3.0, SR, f0=f0), silence(2)])
    y += 1e-4 * np.random.default_rng(0).standard_normal(len(y)).astype(np.float32)
    found = heard(y).speech
    assert found[2 * FRAMES : 5 * FRAMES].mean() > 0.6
    assert found[: 2 * FRAMES - 2].sum() == found[5 * FRAMES + 2 :].sum() == 0


@pytest.mark.parametrize("snr", [15, 5])
def test_speech_is_found_in_noise(make_speech, rng, snr):
    y = channels.add_noise(make_speech(5.0, SR), snr=snr, tilt=3, rng=rng)
    assert heard(y).speech.mean() > 0.25


@pytest.mark.parametrize(
    "y",
    [
        silence(5),
        tone(300, 5),
        sum(tone(50 * k, 5, 0.1) for k in range(1, 8)),
        *(0.1 * channels.coloured_noise(5 * SR, tilt=tilt, rng=np.random.default_rng(tilt)) for tilt in (0, 3, 6)),
        1e-5 * channels.coloured_noise(5 * SR, tilt=0, rng=np.random.default_rng(3)),
    ],
    ids=["silence", "tone", "hum", "white", "pink", "brown", "faint"],
)
def test_what_is_steady_is_no_speech(y):
    assert heard(y).speech.mean() < 0.01


def test_a_click_is_no_speech():
    y = 1e-3 * np.random.default_rng(0).standard_normal(3 * SR).astype(np.float32)
    y[SR : SR + 20] = 0.9
    assert heard(y).speech.sum() == 0


def test_little_speech_in_a_long_recording(make_speech):
    y = np.concatenate([silence(40), make_speech(2.0, SR), silence(40)])
    assert 1 < heard(y).speech.sum() / FRAMES <= 2.1


def test_a_voice_far_behind_another_is_no_speech(make_speech):
    y = np.concatenate([make_speech(3.0, SR), 0.02 * make_speech(3.0, SR, seed=1)])
    found = heard(y).speech
    assert found[: 3 * FRAMES].mean() > 0.6
    assert found[3 * FRAMES + 2 :].sum() == 0


def test_hiss_between_few_words_is_silence(make_speech, rng):
    y = np.concatenate([2 * make_speech(2.0, SR), silence(60)])
    hiss = 10 ** (-52 / 20) * rng.standard_normal(len(y)).astype(np.float32)
    assert heard(y + hiss).silence > 0.9


@pytest.mark.parametrize(("quiet", "share"), [(0, 0), (3, 0.5), (9, 0.75)])
def test_share_of_silence(quiet, share):
    y = np.concatenate([tone(500, 3), silence(quiet)])
    assert heard(y).silence == pytest.approx(share, abs=0.01)


# Bandwidth


@pytest.mark.parametrize("edge", [2000, 3400, 5000, 7000])
def test_bandwidth_of_filtered_noise(rng, edge):
    y = sosfilt(butter(20, edge, fs=SR, output="sos"), rng.standard_normal(4 * SR)).astype(np.float32)
    below_50_db = edge * 10 ** (50 / 20 / 20)  # 120 dB an octave, if the octave is there
    assert edge <= heard(0.1 * y).bandwidth <= min(below_50_db + 100, SR / 2)


def test_telephone_speech_is_told_from_other_speech(voice):
    telephone = channels.telephone(voice, sr=SR)
    sixteen_bit = np.round(telephone * 32768).astype(np.float32) / 32768
    assert heard(voice).bandwidth > 5500
    for y in (telephone, sixteen_bit, 0.02 * telephone):
        assert 3000 < heard(y).bandwidth <= 4000


def test_bandwidth_of_nothing():
    assert heard(silence(1)).bandwidth == 0


# Music


@pytest.mark.parametrize("beat", [0.3, 0.5, 1.0])
def test_chords_are_music(beat):
    assert heard(song(6, beat)).music


def test_music_over_a_beat():
    drum = np.zeros(SR // 2, np.float32)
    drum[:800] = 0.3 * np.random.default_rng(0).standard_normal(800) * np.exp(-np.arange(800) / 200)
    assert heard(song(6) + np.tile(drum, 12)).music


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("f0", [90, 120, 220, 300])
def test_a_voice_is_no_music(make_speech, f0, seed):
    assert not heard(make_speech(5.0, SR, f0=f0, seed=seed)).music


@pytest.mark.parametrize("tilt", [0, 6])
def test_noise_is_no_music(rng, tilt):
    assert not heard(0.1 * channels.coloured_noise(5 * SR, tilt=tilt, rng=rng)).music


def test_a_little_music_does_not_count(voice):
    assert not heard(song(2)).music
    assert not heard(np.concatenate([voice, song(4)])).music
    assert heard(np.concatenate([voice, song(8)])).music


def test_a_beep_is_no_music():
    assert not heard(tone(440, 5)).music


def test_a_gliding_chord_is_no_music():
    t = np.arange(5 * SR) / SR
    phase = 2 * np.pi * np.cumsum(200 * 2 ** (0.5 * np.sin(2 * np.pi * 1.5 * t))) / SR
    y = sum(np.sin(k * phase) / k for k in range(1, 15))
    assert not heard((0.1 * y).astype(np.float32)).music


# Sentences


def test_no_warnings_for_a_plain_voice(voice):
    assert speech.warnings(unclipped(), heard(voice)) == ()


@pytest.mark.parametrize(
    ("change", "start"),
    [
        (lambda y: y[: round(0.9 * SR)], "Under 1 s of speech (0."),
        (lambda y: np.concatenate([y, silence(12)]), "Mostly silence (7"),
        (lambda y: channels.telephone(y, sr=SR), "Nothing above 3"),
        (lambda y: np.concatenate([y, song(20)]), "Sounds like music"),
    ],
)
def test_each_warning(voice, change, start):
    found = speech.warnings(unclipped(), heard(change(voice)))
    assert len(found) == 1 and found[0].startswith(start) and found[0].endswith(".")


def test_warning_of_clipping(voice):
    (sentence,) = speech.warnings(clipped(np.clip(5 * voice, -1, 1)[:, None]), heard(voice))
    assert "% of the samples are clipped" in sentence
