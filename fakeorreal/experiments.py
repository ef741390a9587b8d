"""One run: the features a system takes, the fit, and its scores on disk, found again by what they depend on."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fakeorreal import metrics, training
from fakeorreal.corpora import cut_windows, subsample
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import extract
from fakeorreal.features.augmented import Augmented
from fakeorreal.files import write_atomically

SUBSAMPLE_SEED = 0


def split_features(system, corpus, split, *, cap, folder):
    """Features of one split of a corpus for one system; see ``features.extract``, and ``Augmented`` for training.

    Clips are cut into the windows of the system. ``cap`` bounds the rows per class: windows in training, whole clips
    elsewhere, since a clip is scored over all its windows. None for all.
    """
    corpus = corpus[corpus["split"] == split]
    if split == "training" and system.window:
        corpus = cut_windows(corpus, system.window)
    if cap:
        corpus = subsample(corpus, cap, SUBSAMPLE_SEED)
    if split != "training" and system.window:
        corpus = cut_windows(corpus, system.window)
    if split == "training" and system.augmentation:
        features = Augmented(corpus, system.front_end, system.augmentation, folder)
    else:
        features = extract(corpus, system.front_end, folder)
    for failure in features.failed.itertuples():
        tqdm.write(f"left out {failure.clip}: {failure.reason}")
    return features


def run_folder(system, fitted_on, scored, *, marks, seed, threads, runs, name, stop_after=0):
    """Folder of a finished run; what is not there yet is computed. ``scores.csv`` is written last.

    Args:
        system: a ``System``.
        fitted_on: ``Features`` of the training clips.
        scored: list of ``Features``; the first, of validation clips, gives the learning curve too.
        marks: epochs after which a network is scored.
        seed: of the run.
        threads: threads of TensorFlow's operators, as in ``Profile``.
        runs: folder of all runs.
        name: what they were trained on, such as ``for-2sec``: the beginning of the folder's name.
        stop_after: as in ``training.fit_network``.

    Returns:
        Path that holds ``scores.csv``, ``misclassified.csv``, for systems with a window ``windows.csv``, and for
        networks ``history.csv`` and what ``training.fit_network`` keeps.
    """
    what = [repr(system), system.front_end.config(), marks, threads, training.RECIPE_VERSION]
    what += [features.digest for features in (fitted_on, *scored)]
    if stop_after:  # without it the key is that of earlier runs
        what.append(stop_after)
    if system.precision != "float32":  # likewise
        what.append(system.precision)
    key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
    folder = Path(runs) / system.name / f"{name}-seed{seed}-{key}"
    if not (folder / "scores.csv").is_file():
        windows = [
            part.assign(n_training=len(fitted_on))
            for part in _scores(system, fitted_on, scored, marks, seed, folder, stop_after)
        ]
        scores = pd.concat([training.mean_over_windows(part) for part in windows])
        folder.mkdir(parents=True, exist_ok=True)
        if system.window:
            _write_csv(pd.concat(windows), folder / "windows.csv")
        _write_csv(misclassified(scores), folder / "misclassified.csv")
        _write_csv(scores, folder / "scores.csv")
        shutil.rmtree(folder / "state", ignore_errors=True)
    return folder


def read_scores(folder):
    """The scores of a run: clip, label, score, group, speaker, generator, language, split, epochs, n_training."""
    return _read_csv(folder / "scores.csv")


def read_windows(folder):
    """The scores of the windows whose means are those of a run: as `read_scores`, clips named ``clip#k``.

    Raises:
        FakeOrRealError: a run of a system without windows, or one that an earlier version of the package kept.
    """
    if not (folder / "windows.csv").is_file():
        raise FakeOrRealError(f"{folder}: holds no scores of windows. Delete it to have the run repeated.")
    return _read_csv(folder / "windows.csv")


def misclassified(scores):
    """Clips of one run that its last mark puts on the wrong side of the threshold of ``metrics.evaluate``.

    Args:
        scores: scores table of one run, with validation.

    Returns:
        DataFrame: clip, label, score, split, generator, speaker.

    Raises:
        FakeOrRealError: validation lacks a class.
    """
    last = scores[scores["epochs"].isna() | (scores["epochs"] == scores["epochs"].max())]
    validation = last[last["split"] == "validation"]
    threshold = metrics.eer_threshold(validation["label"], validation["score"])
    wrong = (last["score"] >= threshold) != (last["label"] == 1)
    return last.loc[wrong, ["clip", "label", "score", "split", "generator", "speaker"]].reset_index(drop=True)


def _scores(system, fitted_on, scored, marks, seed, folder, stop_after):
    """Score windows at every mark, and keep the learning curve."""
    if system.kind == "classical":
        fitted = [(None, training.fit_classical(system, fitted_on, seed=seed))]
    else:
        fitted = training.fit_network(
            system, fitted_on, scored[0], marks=marks, seed=seed, folder=folder, stop_after=stop_after
        )
    for epoch, model, *history in fitted:
        for features in scored:
            yield training.score_windows(system, model, features).assign(epochs=epoch)
        if history:
            _write_csv(history[0], folder / "history.csv")


def _read_csv(path):
    return pd.read_csv(path, keep_default_na=False, na_values={"epochs": [""]})


def _write_csv(table, path):
    write_atomically(path, table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode())
