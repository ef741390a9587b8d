"""Rows altered in training: as they are where nothing is altered, and a matter of seed, epoch and row alone."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import Handcrafted, LogMel, MelPicture, PowerSpectrogram, extract
from fakeorreal.features.augmented import Augmented

SR = 16000
LOG_MEL = LogMel(n_fft=512, hop_length=256, n_mels=32, seconds=0.5)
POWER = PowerSpectrogram(seconds=0.5, n_fft=256, hop_length=128)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, make_speech):
    """Twelve clips of 0.3 to 0.85 s, one that ends in digital silence and one of nothing else."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for k in range(12):
        y = make_speech(0.3 + 0.05 * k, SR, f0=90 + 10 * k, seed=k)
        y[len(y) // 2 if k == 5 else len(y) :] = 0
        audio.write(folder / f"{k:02d}.wav", 0 * y if k == 7 else y, sr=SR)
        rows.append({"clip": f"{k:02d}", "path": str(folder / f"{k:02d}.wav"), "split": "training", "label": k % 2})
    return make_corpus(pd.DataFrame(rows).assign(group=lambda table: table["clip"]))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("front_end", [LOG_MEL, POWER], ids=lambda f: type(f).__name__)
def test_rows_as_they_are_are_those_of_the_front_end(corpus, cache, front_end):
    plain, augmented = extract(corpus, front_end, cache), Augmented(corpus, front_end, "spy_cnn", cache)
    assert len(augmented) == len(plain) and augmented.shape == plain.shape
    np.testing.assert_array_equal(augmented.labels, plain.labels)
    pd.testing.assert_frame_equal(augmented.corpus, plain.corpus)
    assert augmented.failed.empty and plain.failed.empty
    rows = [3, 0, 11, 3, 5, 7]
    np.testing.assert_array_equal(augmented.rows(rows), plain.rows(rows))
    assert augmented.rows(rows).dtype == augmented.altered(rows, seed=0, epoch=0).dtype == np.float32


@pytest.fixture
def augmented(corpus, cache):
    return Augmented(corpus, POWER, "spy_cnn", cache)


def test_a_row_is_the_same_in_every_batch(augmented):
    every = np.arange(len(augmented))
    whole = augmented.altered(every, seed=1, epoch=2)
    assert not np.array_equal(whole, augmented.rows(every))
    for rows in ([4], [11, 2, 7], every[::-1]):
        np.testing.assert_array_equal(augmented.altered(rows, seed=1, epoch=2), whole[rows])


@pytest.mark.parametrize(("seed", "epoch"), [(1, 3), (2, 2)])
def test_another_epoch_or_seed_alters_other_rows_or_in_another_way(augmented, seed, epoch):
    every = np.arange(len(augmented))
    plain = augmented.rows(every)
    one, other = (augmented.altered(every, seed=s, epoch=e) for s, e in ((1, 2), (seed, epoch)))
    for out in (one, other):
        assert (out != plain).any(axis=(1, 2, 3)).any() and (out == plain).all(axis=(1, 2, 3)).any()
    assert not np.array_equal(one, other)


def test_rows_are_drawn_apart_from_each_other(augmented, monkeypatch):
    draws = {}
    monkeypatch.setattr(augmented, "_alter", lambda y, front_end, rng: np.array([rng.random()]))
    for seed in range(3):
        for epoch in range(3):
            for row, draw in enumerate(augmented.altered(np.arange(12), seed=seed, epoch=epoch)[:, 0]):
                draws[seed, epoch, row] = draw
            draws[seed, epoch, "order"] = np.random.default_rng([seed, epoch]).random()
    assert len(set(draws.values())) == len(draws)


def test_the_digest_changes_with_the_rows_and_with_the_augmentation(corpus, cache, augmented, monkeypatch):
    assert Augmented(corpus, POWER, "spy_cnn", cache).digest == augmented.digest
    assert Augmented(corpus[:-1], POWER, "spy_cnn", cache).digest != augmented.digest
    monkeypatch.setattr("fakeorreal.features.augmented.VERSION", -1)
    assert Augmented(corpus, POWER, "spy_cnn", cache).digest != augmented.digest


@pytest.mark.parametrize(
    ("front_end", "name", "message"),
    [
        (POWER, "louder", "`augmentation` must be one of spy_cnn, spy_vit. Received: 'louder'"),
        (Handcrafted(), "spy_cnn", r"needs a front end that gives \(bands, frames, channels\)"),
        (MelPicture(), "spy_cnn", "of clips of one length"),
    ],
)
def test_what_cannot_be_augmented(corpus, cache, front_end, name, message):
    with pytest.raises(FakeOrRealError, match=message):
        Augmented(corpus, front_end, name, cache)
