import numpy as np
import pytest
from scipy.signal import butter, sosfreqz, welch
from signals import SR, band_power, decibel, delay, octaves, power, sine, snr

from fakeorreal import channels
from fakeorreal.errors import FakeOrRealError

# Codecs


@pytest.mark.parametrize("f0", [100, 160, 220])
def test_g722_keeps_speech_and_its_timing(make_speech, f0):
    y = make_speech(2.0, SR, f0=f0)
    out = channels.g722(y)
    assert 20 < snr(y, out) < 60  # a lossy codec: neither broken nor skipped
    assert delay(y, of=out) == 0


@pytest.mark.parametrize("n", [1, 2, 3, 21, 319, 320, 321, 641, 16001, 48000])
def test_g722_keeps_the_length(make_speech, n):
    y = make_speech(3.0, SR)[:n]
    out = channels.g722(y)
    assert out.shape == (n,) and out.dtype == np.float32
    assert np.isfinite(out).all()


def test_g722_keeps_the_end(make_speech):
    y = make_speech(1.0, SR)[:15999]
    assert snr(y[-400:], channels.g722(y)[-400:]) > 15


def test_g722_clips_what_is_too_loud():
    out = channels.g722(sine(440, amplitude=2.0))
    assert 0.9 < np.abs(out).max() <= 1


def test_g722_of_noise_is_band_limited_to_8_khz_in_two_bands(rng):
    y = (0.1 * rng.standard_normal(SR)).astype(np.float32)
    out = channels.g722(y)
    for low, high in ((100, 3500), (4500, 7000)):
        assert decibel(band_power(out, low, high) / band_power(y, low, high)) == pytest.approx(0, abs=1)


def test_decode_g722_gives_two_samples_a_byte():
    assert channels.decode_g722(bytes(500)).shape == (1000,)
    with pytest.raises(FakeOrRealError, match=r"0 bytes hold no G.722"):
        channels.decode_g722(b"")


def test_mp3_keeps_speech_its_length_and_its_timing(make_speech):
    y = make_speech(1.3, SR)
    out = channels.mp3(y, sr=SR)
    assert out.shape == y.shape and out.dtype == np.float32
    assert 15 < snr(y, out) < 60
    assert delay(y, of=out) == 0


def test_fewer_bits_are_worse(make_speech):
    y = make_speech(1.0, SR)
    for codec in ("mp3", "opus"):
        few, many = (channels.at_bit_rate(y, sr=SR, codec=codec, bit_rate=rate) for rate in (16000, 64000))
        assert snr(y, few) + 2 < snr(y, many)


def test_vorbis_takes_long_recordings(rng):
    y = np.tile((0.1 * rng.standard_normal(SR)).astype(np.float32), 150)  # more than libsndfile takes at once
    out = channels.vorbis(y, sr=SR, quality=0)
    assert out.shape == y.shape and snr(y[-SR:], out[-SR:]) > 3


def test_mu_law_has_the_steps_of_g711():
    # Segment by segment the step doubles: 2, 4 ... 256 of 8159 (G.711, table 2a), 16 steps each, on either side of 0.
    out = channels.mu_law(np.linspace(-1, 1, 200_001, dtype=np.float32))
    values = np.unique(np.round(out * 32768 / 4).astype(int))
    assert len(values) == 255 and np.array_equal(values, -values[::-1])
    steps = np.diff(values[values >= 0])
    middle_of_segments = steps[np.arange(8) * 16 + 8]
    assert middle_of_segments.tolist() == [2, 4, 8, 16, 32, 64, 128, 256]
    assert snr(sine(440), channels.mu_law(sine(440))) == pytest.approx(37, abs=2)  # the law's plateau of 38 dB


# Bands and levels


def test_band_limit_has_the_response_of_the_butterworth_twice():
    impulse = np.zeros(8192, np.float32)
    impulse[4096] = 1
    out = channels.band_limit(impulse, sr=SR, low=100, high=7000)
    frequency, once = sosfreqz(butter(4, [100, 7000], "bandpass", fs=SR, output="sos"), 1000, fs=SR)
    wanted = np.abs(once) ** 2  # forward and backward
    found = np.array([np.abs(np.sum(out * np.exp(-2j * np.pi * f / SR * np.arange(8192)))) for f in frequency])
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert np.allclose(out[:4096][::-1][:4000], out[4097:][:4000], atol=1e-6)  # zero phase


def test_band_limit_removes_dc_and_keeps_a_tone():
    out = channels.band_limit(sine(1000, seconds=2) + np.float32(0.2), sr=SR, low=100, high=9000)
    assert abs(out[4000:-4000].mean()) < 1e-4
    np.testing.assert_allclose(out[4000:-4000], sine(1000, seconds=2)[4000:-4000], atol=1e-3)


def test_telephone_leaves_nothing_above_4_khz(make_speech, rng):
    for y in (make_speech(1.0, SR), 0.1 * rng.standard_normal(16001).astype(np.float32)):
        out = channels.telephone(y, sr=SR)
        assert out.shape == y.shape
        assert decibel(band_power(out, 4200, 8000) / band_power(y, 4200, 8000)) < -40
        assert decibel(band_power(out, 100, 3500) / band_power(y, 100, 3500)) == pytest.approx(0, abs=0.1)
        assert delay(y, of=out) == 0


def test_set_level_by_hand():
    y = np.tile(np.float32([0.3, 0.1]), 500)  # mean 0.2, and +-0.1 around it
    out = channels.set_level(y, dbfs=-20)
    np.testing.assert_allclose(out, np.tile([0.1, -0.1], 500), atol=1e-6)
    np.testing.assert_allclose(np.abs(channels.set_level(y, dbfs=-26)), 10 ** (-26 / 20), rtol=1e-4)


@pytest.mark.parametrize("gain", [1e-6, 1.0, 50.0])
def test_set_level_whatever_the_input(make_speech, gain):
    out = channels.set_level(np.float32(gain) * make_speech(1.0, SR))
    assert decibel(power(out)) == pytest.approx(channels.SPEECH_LEVEL, abs=0.01)
    assert abs(out.mean()) < 1e-6


def test_set_level_lets_no_peak_clip():
    click = np.zeros(SR, np.float32)
    click[100] = 0.01
    out = channels.set_level(click, dbfs=-26)
    assert np.abs(out).max() == pytest.approx(0.99, abs=1e-6)
    assert out.dtype == np.float32


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_set_level_of_a_constant_is_silence(value):
    assert not channels.set_level(np.full(1000, value, np.float32)).any()


@pytest.mark.parametrize(("gain", "factor"), [(-40, 0.01), (-20, 0.1), (0, 1.0), (20 * np.log10(2), 2.0)])
def test_amplify_by_hand(gain, factor):
    y = np.float32([0, 0.5, -0.25, 0.1, -0.6])
    wanted = np.clip(np.round(32768 * factor * np.float64(y)), -32768, 32767) / 32768
    np.testing.assert_allclose(channels.amplify(y, gain=gain), wanted, atol=1e-9)


def test_clip_peaks_by_hand():
    y = np.float32([0.8, -0.4, 0.3, -0.8, 0.1])
    out = channels.clip_peaks(y, depth=20 * np.log10(2))
    np.testing.assert_allclose(out, [0.4, -0.4, 0.3, -0.4, 0.1], atol=1e-7)


def test_frame_level_by_hand():
    y = np.r_[np.full(320, 0.1), np.full(320, -1.0), np.zeros(320), np.ones(100)]
    np.testing.assert_allclose(channels.frame_level(y, sr=SR), [-20, 0, -120], atol=1e-6)


# Silence


def blocks(*seconds):
    """Tone, silence, tone, silence ... of these lengths; -20 dBFS over a floor of -80 dBFS."""
    rng = np.random.default_rng(0)
    tones = [sine(500, seconds=s, amplitude=0.14 if k % 2 == 0 else 0.0) for k, s in enumerate(seconds)]
    y = np.concatenate(tones)
    return (y + 1e-4 * rng.standard_normal(len(y))).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        # |=== 1.0 ===|....... 0.6 .......|=== 1.0 ===|     the pause keeps 0.1 s on each side
        # |===========|..|             |..|===========|
        ((1.0, 0.6, 1.0), 1.0 + 0.2 + 1.0),
        # |=== 1.0 ===|. 0.16 .|=== 1.0 ===|               a short pause stays whole
        ((1.0, 0.16, 1.0), 2.16),
        # |.. 0.5 ..|=== 1.0 ===|.. 0.8 ..|                the ends keep nothing
        ((0.0, 0.5, 1.0, 0.8), 1.0),
        # |===========================|                    nothing to remove
        ((2.0,), 2.0),
        # |= 0.5 =|.. 0.4 ..|= 0.5 =|.. 0.4 ..|= 0.5 =|
        ((0.5, 0.4, 0.5, 0.4, 0.5), 1.5 + 2 * 0.2),
    ],
)
def test_remove_silence(seconds, kept):
    assert len(channels.remove_silence(blocks(*seconds), sr=SR)) == round(kept * SR)


def test_remove_silence_keeps_the_samples_of_speech():
    y = blocks(0.0, 0.5, 1.0, 0.8)
    np.testing.assert_array_equal(channels.remove_silence(y, sr=SR), y[8000:24000])


def test_remove_silence_keeps_a_margin_on_both_sides():
    # |=== 1.0 s ===|....... 0.6 s .......|=== 1.0 s ===|
    # 0          16000   17600     24000   25600     41600
    y = blocks(1.0, 0.6, 1.0)
    np.testing.assert_array_equal(channels.remove_silence(y, sr=SR), np.r_[y[:17600], y[24000:]])


def test_remove_silence_settings():
    y = blocks(1.0, 0.6, 1.0)
    assert len(channels.remove_silence(y, sr=SR, keep=0.2)) == round(2.4 * SR)
    assert len(channels.remove_silence(y, sr=SR, below=70.0)) == len(y)  # the floor is 60 dB down


@pytest.mark.parametrize("n", [0, 1, 319])
def test_remove_silence_of_less_than_a_frame(n):
    assert channels.remove_silence(np.ones(n, np.float32), sr=SR).shape == (0,)


@pytest.mark.parametrize("n", [320, 1000, 3199, 3200, 3520, 3521])
def test_remove_silence_of_a_short_clip(n):
    assert len(channels.remove_silence(sine(500)[:n], sr=SR)) == n // 320 * 320


def test_remove_silence_of_silence():
    assert channels.remove_silence(np.zeros(SR, np.float32), sr=SR).shape == (0,)


# Noise, rooms, spectra


@pytest.mark.parametrize("tilt", [0.0, 3.0, 6.0])
def test_coloured_noise_falls_by_its_tilt(rng, tilt):
    noise = channels.coloured_noise(8 * SR, tilt=tilt, rng=rng)
    frequency, density = welch(noise, SR, nperseg=4096)
    inside = (frequency > 100) & (frequency < 6000)
    slope = np.polyfit(np.log2(frequency[inside]), decibel(density[inside]), 1)[0]
    assert slope == pytest.approx(-tilt, abs=0.3)
    assert power(noise) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("wanted", [-5.0, 10.0, 30.0])
def test_add_noise_at_its_ratio(make_speech, rng, wanted):
    y = make_speech(1.0, SR)
    assert snr(y, channels.add_noise(y, snr=wanted, tilt=4.0, rng=rng)) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.6])
@pytest.mark.parametrize("distance", [0.3, 1.5])
def test_room_response_decays_in_its_time(rng, seconds, distance):
    response = channels.room_response(sr=SR, reverberation_time=seconds, distance=distance, rng=rng)
    assert response.shape == (round(seconds * SR),)
    assert np.sum(response.astype(float) ** 2) == pytest.approx(1, abs=1e-5)
    assert np.argmax(np.abs(response)) == 0  # the direct sound
    # Schroeder integration of the reverberant part, a line through -5 to -35 dB.
    left = decibel(np.cumsum(response[1:][::-1].astype(float) ** 2)[::-1])
    left -= left[0]
    inside = (left < -5) & (left > -35)
    slope = np.polyfit(np.flatnonzero(inside) / SR, left[inside], 1)[0]
    assert -60 / slope == pytest.approx(seconds, rel=0.15)


def test_a_distant_room_is_more_reverberant(rng):
    near, far = (
        channels.room_response(sr=SR, reverberation_time=0.3, distance=d, rng=np.random.default_rng(0))
        for d in (0.3, 1.5)
    )
    assert abs(near[0]) > abs(far[0])


def test_in_room_is_a_convolution(rng):
    y, response = (rng.standard_normal(n).astype(np.float32) for n in (500, 90))
    np.testing.assert_allclose(channels.in_room(y, response), np.convolve(y, response)[:500], atol=1e-4)


@pytest.mark.parametrize(("tilt", "reference_tilt"), [(0, 3), (3, 0), (2, 4), (4, 4)])
def test_match_spectrum_gives_one_noise_the_spectrum_of_another(rng, tilt, reference_tilt):
    y = 0.03 * channels.coloured_noise(4 * SR, tilt=tilt, rng=rng)
    reference = 0.05 * channels.coloured_noise(3 * SR, tilt=reference_tilt, rng=rng)
    out = channels.match_spectrum(y, reference, sr=SR)
    assert out.shape == y.shape and out.dtype == np.float32
    np.testing.assert_allclose(octaves(out), octaves(reference), atol=2)
    assert np.abs(octaves(y) - octaves(reference)).max() > 4  # so the above says something


def test_match_spectrum_leaves_equal_spectra_alone(make_speech):
    y = make_speech(1.0, SR)
    np.testing.assert_allclose(channels.match_spectrum(y, y, sr=SR), y, atol=1e-5)


def test_match_spectrum_corrects_by_15_db_at_most(rng):
    y = channels.coloured_noise(2 * SR, tilt=0, rng=rng)
    out = channels.match_spectrum(y, 0.001 * y, sr=SR)
    np.testing.assert_allclose(octaves(out) - octaves(y), -15, atol=0.5)


def test_match_spectrum_does_not_shift_in_time(make_speech):
    y, reference = make_speech(1.0, SR), make_speech(1.0, SR, f0=200, seed=3)
    assert delay(y, of=channels.match_spectrum(y, reference, sr=SR)) == 0


# Chains


@pytest.mark.parametrize("n", [1000, 16001, 32000])
def test_rerecord_keeps_length_and_level(make_speech, rng, n):
    y = np.float32(0.3) * make_speech(2.0, SR)[:n]
    out = channels.rerecord(y, sr=SR, rng=rng)
    assert out.shape == y.shape and out.dtype == np.float32
    assert decibel(power(out) / power(y)) == pytest.approx(0, abs=0.1)


def test_rerecord_takes_the_lowest_and_highest_octave_away(rng):
    y = 0.1 * channels.coloured_noise(2 * SR, tilt=0, rng=rng)
    out = channels.rerecord(y, sr=SR, rng=rng)
    middle = band_power(out, 500, 4000) / band_power(y, 500, 4000)
    assert decibel(band_power(out, 7300, 8000) / band_power(y, 7300, 8000) / middle) < -10
    assert decibel(band_power(out, 16, 80) / band_power(y, 16, 80) / middle) < -5


def test_rerecord_differs_from_time_to_time(make_speech):
    y = 0.3 * make_speech(1.0, SR)
    first, again, other = (channels.rerecord(y, sr=SR, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_rerecorded_silence_is_silence(rng):
    assert not channels.rerecord(np.zeros(1000, np.float32), sr=SR, rng=rng).any()


def test_seeded_depends_on_the_text_alone():
    # The first 8 bytes of SHA-256 of "a" are ca978112ca1bbdca.
    wanted = np.random.default_rng(0xCABD1BCA128197CA).random(3)
    np.testing.assert_array_equal(channels.seeded("a").random(3), wanted)
    assert not np.array_equal(channels.seeded("b").random(3), wanted)
