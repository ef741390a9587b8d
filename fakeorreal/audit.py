"""Shortcuts: what tells real from fake besides being fake.

A detector may only be trusted on a corpus whose classes do not already differ in trivial measures (Müller et al. 2021
on silence; Chettri 2023 on audio artefacts). Here such measures are taken per clip, alone and together.
"""

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from fakeorreal import audio
from fakeorreal.channels import frame_level
from fakeorreal.errors import FakeOrRealError

SHORTCUT_LIMIT = 0.65
"""AUC of all trivial measures together that a fair corpus must not exceed."""


def trivial_measures(y, *, sr):
    """Measures that hold no information on how the speech was made.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.

    Returns:
        dict: duration (s), level (dBFS RMS), dc (mean), exact_zeros (share of samples), noise_floor (dBFS, 5th
        percentile of 20-ms frames), rolloff (Hz below which 99 % of the energy lies), silence_start and silence_end
        (s until a frame is within 30 dB of the 95th percentile).
    """
    level = frame_level(np.pad(y, (0, max(0, round(0.02 * sr) - len(y)))), sr=sr)
    loud = np.flatnonzero(level >= np.percentile(level, 95) - 30)
    energy = np.cumsum(np.abs(np.fft.rfft(y)) ** 2)
    return {
        "duration": len(y) / sr,
        "level": 10 * np.log10(np.mean(np.square(y, dtype=np.float64)) + 1e-12),
        "dc": float(np.mean(y, dtype=np.float64)),
        "exact_zeros": float(np.mean(y == 0)),
        "noise_floor": np.percentile(level, 5),
        "rolloff": np.searchsorted(energy, 0.99 * energy[-1]) * sr / len(y),
        "silence_start": loud[0] * 0.02,
        "silence_end": (len(level) - 1 - loud[-1]) * 0.02,
    }


def measure(corpus, *, sr=audio.SAMPLE_RATE, n_jobs=-1):
    """Trivial measures of every readable clip.

    Args:
        corpus: table of clips.
        sr: rate in Hz at which clips are read.
        n_jobs: threads.

    Returns:
        DataFrame: clip, label, split and one column per measure; clips that cannot be read are absent.
    """

    def one(row):
        try:
            y = audio.read(row.path, sr=sr, start=row.start, end=row.end)
        except FakeOrRealError:
            return None
        return {"clip": row.clip, "label": row.label, "split": row.split, **trivial_measures(y, sr=sr)}

    rows = joblib.Parallel(n_jobs=n_jobs, prefer="threads")(joblib.delayed(one)(row) for row in corpus.itertuples())
    return pd.DataFrame([row for row in rows if row])


def shortcut_auc(measures, *, seed=0):
    """How well trivial measures alone tell fake from real on testing.

    Args:
        measures: DataFrame from ``measure``.
        seed: seed of the classifier.

    Returns:
        DataFrame: one row per measure with its AUC on testing (0.5: no information; below 0.5: lower in fakes), and
        the row 'all together': gradient boosting fitted on training, scored on testing.

    Raises:
        FakeOrRealError: training or testing without clips of both classes that can be read.
    """
    readable = {(row.split, row.label) for row in measures.itertuples()}
    if not readable >= {(split, label) for split in ("training", "testing") for label in (0, 1)}:
        raise FakeOrRealError(
            f"an audit needs readable clips of both classes in training and testing. Received: {len(measures)} clips, "
            "one of the four is missing. Run `fakeorreal validate` to see which."
        )
    names = [c for c in measures if c not in ("clip", "label", "split")]
    train = measures[measures["split"] == "training"]
    test = measures[measures["split"] == "testing"]
    rows = [{"measure": name, "auc": roc_auc_score(test["label"], test[name])} for name in names]
    model = HistGradientBoostingClassifier(random_state=seed).fit(train[names], train["label"])
    together = roc_auc_score(test["label"], model.predict_proba(test[names])[:, 1])
    return pd.DataFrame([*rows, {"measure": "all together", "auc": together}])


def shortcut_table(corpora):
    """``shortcut_auc`` of several corpora side by side.

    Args:
        corpora: dict name → table of clips.

    Returns:
        DataFrame: measure, and one AUC column per corpus.
    """
    columns = {name: shortcut_auc(measure(corpus)).set_index("measure")["auc"] for name, corpus in corpora.items()}
    return pd.DataFrame(columns).rename_axis("measure").reset_index()
