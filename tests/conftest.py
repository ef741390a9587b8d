"""Fixtures: seeded noise, speech-like clips, tiny Fake-or-Real trees. Nothing is downloaded."""

import os
from pathlib import Path

# A cache of compiled functions for each worker: where two of them compile one function for different types at the same
# moment, numba can store one's code under the other's name, and the next call crashes.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / "numba" / _WORKER)

import librosa  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import soundfile as sf  # noqa: E402
from scipy.signal import lfilter  # noqa: E402

FORMANTS = ((700, 110), (1220, 120), (2600, 170))  # centre and width in Hz, as in the vowel of "father"
for dtype in ("float32", "float64"):  # compiled now: the processes that a test starts share the cache of its worker
    librosa.yin(np.ones(8192, dtype), fmin=100, fmax=400, sr=16000)

PUBLISHED_INNER = {"for-norm": "for-norm", "for-2sec": "for-2seconds", "for-rerec": "for-rerecorded"}
LAYOUTS = {
    "plain": "{version}/{split}/{label}",
    "kaggle": "{version}/{inner}/{split}/{label}",
    "tarball": "{inner}/{split}/{label}",
    "capitalised": "{Version}/{Inner}/{Split}/{Label}",
    "short": "{version}/{short}/{label}",
    "spoof": "{version}/{split}/{Spoof}",
}


@pytest.fixture
def rng():
    return np.random.default_rng(440)


@pytest.fixture(scope="session")
def make_speech():
    """Function ``(seconds, sr, f0=120.0, seed=0)`` -> float32, shape (round(seconds * sr),), peak 0.5.

    A gliding pulse train through formants, in syllables of about a quarter second, over a little noise.
    """

    def make(seconds, sr, f0=120.0, seed=0):
        rng = np.random.default_rng(seed)
        t = np.arange(round(seconds * sr)) / sr
        pitch = f0 * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(1, 3) * t + rng.uniform(0, 6)))
        pulses = np.diff(np.floor(np.cumsum(pitch) / sr), prepend=0.0)
        y = pulses + 0.02 * rng.standard_normal(len(t))
        for centre, width in FORMANTS:
            if centre < sr / 2:
                radius = np.exp(-np.pi * width / sr)
                y = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * centre / sr), radius**2], y)
        y *= 0.1 + np.abs(np.sin(2 * np.pi * 2 * t + rng.uniform(0, 6)))
        y += 1e-3 * np.abs(y).max() * rng.standard_normal(len(t))
        return (0.5 * y / np.abs(y).max()).astype(np.float32)

    return make


@pytest.fixture
def for_tree(tmp_path):
    """Function ``(layout="plain", versions=("for-norm",), per_class=2)`` -> root of a tiny Fake-or-Real.

    0.1-s clips at 16 kHz with FoR's own names; the same number in every version is the same utterance.
    """

    def make(layout="plain", versions=("for-norm",), per_class=2):
        rng = np.random.default_rng(1)
        root = tmp_path / layout
        for version in versions:
            inner = PUBLISHED_INNER[version]
            for split, short in (("training", "train"), ("validation", "val"), ("testing", "test")):
                for label, word in (("real", "BonaFide"), ("fake", "Spoof")):
                    folder = root / LAYOUTS[layout].format(
                        version=version,
                        inner=inner,
                        split=split,
                        label=label,
                        short=short,
                        Version=version.upper(),
                        Inner=inner.title(),
                        Split=split.title(),
                        Label=label.title(),
                        Spoof=word,
                    )
                    folder.mkdir(parents=True)
                    for k in range(1, per_class + 1):
                        codec = ".mp3" if k % 2 else ""
                        name = f"file{k}{codec}.wav_16k.wav_norm.wav_mono.wav_silence.wav"
                        if version == "for-2sec":
                            name += "_2sec.wav"
                        elif version == "for-rerec":
                            name = f"recording{k}.wav"
                        sf.write(folder / name, 0.1 * rng.standard_normal(1600), 16000)
        return root

    return make


@pytest.fixture(scope="session")
def make_wavefake(make_speech):
    """Function ``(root, n=12)`` -> root of a tiny WaveFake: 2.3-s utterances, as spoken and dulled in two ways."""

    def make(root, n=12):
        for k in range(n):
            human = make_speech(2.3, 22050, f0=90 + 5 * k, seed=k)
            for folder, taps in (("A_ljspeech", 1), ("B_melgan", 9), ("C_hifigan", 3)):
                (root / folder).mkdir(exist_ok=True)
                y = np.convolve(human, np.ones(taps) / taps, "same")
                sf.write(root / folder / f"LJ001-{k:04d}{'_gen' if taps > 1 else ''}.wav", y, 22050)
        return root

    return make


@pytest.fixture(scope="session")
def tiny_network():
    """Function ``(shape, seed)`` -> a small Keras network with random weights, logits of shape (batch, 1)."""
    import keras

    def make(shape, seed):
        inputs = keras.Input(shape)
        weights = keras.initializers.GlorotUniform(seed)
        x = keras.layers.Flatten()(keras.layers.Rescaling(0.1)(inputs))
        x = keras.layers.Dense(4, activation="relu", kernel_initializer=weights)(x)
        x = keras.layers.BatchNormalization()(x)
        return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=weights)(x), name=f"tiny_{seed}")

    return make


@pytest.fixture(scope="session")
def tiny_detector(tmp_path_factory, tiny_network):
    """Folder of a frozen detector of two small random networks, which know nothing."""
    from fakeorreal.features import SpectralTexture
    from fakeorreal.freeze import freeze

    front_end = SpectralTexture()
    folder = tmp_path_factory.mktemp("detector") / "tiny"
    freeze(
        [tiny_network(front_end.shape, seed) for seed in (1, 2)],
        front_end,
        folder,
        name="tiny",
        version="0.1",
        window=2.5,
        hop=2.5,
        calibration={"scale": 2.0, "offset": 0.5, "from": "nothing"},
        threshold=0.2,
        threshold_from="nothing",
        unsure=(0.0, 0.4),
    )
    return folder
