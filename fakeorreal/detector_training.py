"""Train, calibrate and freeze the shipped detector from a folder of clips and the embedded corpus, on a CPU.

Everything is chosen on the validation split; the testing split is not touched here.
"""

import tempfile
import warnings

import numpy as np
import pandas as pd

from fakeorreal import calibration
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.errors import FakeOrRealError
from fakeorreal.evaluation import score_corpus
from fakeorreal.features import SpectralTexture, extract
from fakeorreal.freeze import check_free, freeze
from fakeorreal.metrics import eer_threshold
from fakeorreal.training import make_deterministic

NAME, VERSION = "texture", "1.0"
WINDOW, HOP = 2.5, 2.5  # seconds
VERSIONS = 4  # of every clip through random channels, beside the clip itself
COPIES = 2  # resynthesised fakes from every real clip of the folder
MEMBERS = 3  # networks, which differ by seed
STEPS, BATCH, RATE, WEIGHT_DECAY = 3000, 128, 2e-3, 1e-2
UNSURE_ERROR = 0.15  # of each class outside the band, at most
SCALING_CLIPS = 4000  # that the scaling is measured on, at most: they are held in memory
FEW = 4  # clips of a class that a source needs for its mean to count
CLEAN_SHARE = 0.5  # of the clips in a batch; the others come through a random channel
FAKE_SHARES = {"folder": 0.75, "embedded": 0.1, "resynthesis": 0.15}  # of the fakes in a batch
REAL_SHARES = {"folder": 0.9, "embedded": 0.1}
_THROUGH = {"": "random", "resynthesis": "resynthesis+random"}


def training_rows(corpus, embedded):
    """Every clip the detector is trained on, as rows of a corpus with a channel.

    Args:
        corpus: table of `corpora.load_folder`; its split ``training`` is used.
        embedded: the embedded corpus (for-norm), likewise.

    Returns:
        DataFrame: the columns of a corpus, source, family, and ``kind``: folder, embedded or resynthesis.

    Raises:
        FakeOrRealError: a class has no training clip.
    """
    _check_classes(corpus, "training")
    own = corpus[corpus["split"] == "training"].assign(kind="folder")
    prompts = embedded[embedded["split"] == "training"]
    prompts = prompts.assign(kind="embedded", source="embedded/" + prompts["language"], family="embedded")
    real = own[own["label"] == REAL]
    fake = {"label": FAKE, "generator": "resynthesis", "kind": "resynthesis", "channel": "resynthesis"}
    copies = pd.concat([real.assign(clip=real["clip"] + f"#{k}", **fake) for k in range(COPIES)])
    clean = pd.concat([own, prompts, copies], ignore_index=True)
    # What is made here comes through one random channel, one copy of each clip; the folder's clips through several.
    altered = [pd.concat([own, prompts, copies[: len(real)]]), *[own] * (VERSIONS - 1)]
    altered = [
        rows.assign(clip=rows["clip"] + f"@{k}", channel=rows["channel"].map(_THROUGH))
        for k, rows in enumerate(altered)
    ]
    return pd.concat([clean, *altered], ignore_index=True)


def _check_classes(corpus, split):
    missing = {REAL, FAKE} - set(corpus.loc[corpus["split"] == split, "label"])
    if missing:
        raise FakeOrRealError(f"the {split} split has no clip with label {missing.pop()} (0 real, 1 fake). Add some.")


def sampling_weights(rows):
    """How often each row is drawn; shape (rows,), sums to 1.

    Half of the draws are fake. Kinds and clean clips have their shares; within them a source counts by the square root
    of its size, so that no page dominates.
    """
    altered = rows["channel"].str.contains("random")
    weights = pd.Series(0.0, rows.index)
    for label, shares in ((REAL, REAL_SHARES), (FAKE, FAKE_SHARES)):
        for kind, share in shares.items():
            for through, part in ((False, CLEAN_SHARE), (True, 1 - CLEAN_SHARE)):
                some = rows[(rows["label"] == label) & (rows["kind"] == kind) & (altered == through)]
                each = some.groupby("source")["clip"].transform("size") ** -0.5
                weights[some.index] = share * part / 2 * each / each.sum()
    return (weights / weights.sum()).to_numpy()


def measure_scaling(features):
    """Centre and spread of each measure over the clean clips of the folder, the spread small where a measure is steady.

    A measure is steady where real and fake differ alike in all sources, and more than the real clips of one source
    differ from those of another; it reaches the network larger, so that weight decay and dropout spare it.

    Args:
        features: ``Features`` of the training rows.

    Returns:
        (centre, spread), each shape (measures,).
    """
    from fakeorreal.networks.texture_mlp import LIMIT

    corpus = features.corpus
    clean = np.flatnonzero((corpus["kind"] == "folder") & (corpus["channel"] == ""))
    clean = clean[:: 1 + len(clean) // SCALING_CLIPS]
    block = features.rows(clean)
    values = np.where(block[..., 1] > 0, block[..., 0], np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a measure that is nowhere valid in a source
        low, centre, high = np.nanpercentile(values, [16, 50, 84], axis=0)
        spread = (high - low) / 2 + 1e-3
        standard = np.clip((values - centre) / spread, -LIMIT, LIMIT)
        reals, contrasts = [], []
        for _, rows in corpus.iloc[clean].reset_index(drop=True).groupby("source"):
            real, fake = (standard[rows.index[rows["label"] == label]] for label in (REAL, FAKE))
            if len(real) >= FEW:
                reals.append(np.nanmean(real, axis=0))
                if len(fake) >= FEW:
                    contrasts.append(np.nanmean(fake, axis=0) - reals[-1])
        if len(contrasts) < 2:
            return np.nan_to_num(centre), np.nan_to_num(spread, nan=1)
        steadiness = np.abs(np.nanmean(contrasts, axis=0))
        steadiness /= np.nanstd(contrasts, axis=0) + np.nanstd(reals, axis=0) + 0.1
        gain = np.clip(steadiness / np.nanmean(steadiness), 0.1, 3)
    return np.nan_to_num(centre), np.nan_to_num(spread / gain, nan=1)


def train_network(features, weights, scaling, *, seed, steps=STEPS):
    """Fit one network.

    Args:
        features: ``Features`` of the training rows.
        weights: how often each row is drawn.
        scaling: (centre, spread) of each measure.
        seed: of weights, dropout and draws.
        steps: batches.

    Returns:
        Keras model, not compiled: ``(batch, *features.shape)`` → logits.
    """
    make_deterministic(seed)
    import keras

    from fakeorreal.networks.texture_mlp import texture_mlp

    rng = np.random.default_rng(seed)
    model = texture_mlp(features.shape, *scaling)
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(RATE, steps, alpha=0.01), weight_decay=WEIGHT_DECAY
        ),
        loss=keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    )
    labels = features.labels.astype("float32")[:, None]
    for _ in range(steps):
        drawn = rng.choice(len(features), BATCH, p=weights)
        model.train_on_batch(features.rows(drawn), labels[drawn])
    bare = texture_mlp(features.shape, *scaling)  # without the state of the optimiser
    bare.set_weights(model.get_weights())
    return bare


def train_detector(corpus, embedded, folder, *, cache):
    """Train the networks, calibrate them on the validation split, and freeze the detector.

    Args:
        corpus: table of `corpora.load_folder` with the splits training and validation.
        embedded: the embedded corpus (for-norm).
        folder: where the detector goes; must not exist yet, or be empty.
        cache: folder for features.

    Returns:
        (detector, scores): the frozen detector and its scores on the validation split.

    Raises:
        FakeOrRealError: a class is missing from training or validation, or as ``freeze``.
    """
    check_free(folder)
    validation = corpus[corpus["split"] == "validation"]
    _check_classes(corpus, "validation")
    rows = training_rows(corpus, embedded)
    front_end = SpectralTexture(WINDOW)
    features = extract(rows, front_end, cache)
    weights = sampling_weights(features.corpus)
    scaling = measure_scaling(features)
    models = [train_network(features, weights, scaling, seed=seed) for seed in range(MEMBERS)]
    frozen = {"name": NAME, "version": VERSION, "window": WINDOW, "hop": HOP}
    with tempfile.TemporaryDirectory() as draft:
        plain = {"scale": 1.0, "offset": 0.0, "from": "none"}
        uncalibrated = freeze(
            models, front_end, draft, **frozen, calibration=plain, threshold=0.0, threshold_from="none", unsure=(0, 0)
        )
    raw, _ = score_corpus(uncalibrated, validation)
    chosen_on = f"{len(raw):,} validation clips of {raw['source'].nunique()} sources"
    scale, offset = calibration.platt(raw["label"], raw["score"])
    scores = raw.assign(score=scale * raw["score"] + offset)
    threshold = eer_threshold(scores["label"], scores["score"])
    unsure = calibration.unsure_band(scores["label"], scores["score"], threshold, error=UNSURE_ERROR)
    detector = freeze(
        models,
        front_end,
        folder,
        **frozen,
        calibration={"scale": scale, "offset": offset, "from": f"Platt scaling on {chosen_on}"},
        threshold=threshold,
        threshold_from=f"EER on {chosen_on}",
        unsure=(unsure.low, unsure.high),
    )
    return detector, scores
