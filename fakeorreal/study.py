"""What the notebooks call: which systems on which versions of FoR, at which profile, and where results go.

Every run leaves its scores in ``data/runs``; tables and figures are made from those files alone.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fakeorreal import plotting, tables, training
from fakeorreal.corpora import cut_windows, for_dataset, subsample
from fakeorreal.features import extract
from fakeorreal.files import write_atomically
from fakeorreal.systems import get_profile, get_system

SUBSAMPLE_SEED = 0


class Study:
    """One pass through the benchmark.

    Args:
        profile: ``smoke``, ``demo`` or ``full``; None for the environment variable FAKEORREAL_PROFILE, else ``demo``.
        data: folder of the data; None for FAKEORREAL_DATA, else the embedded corpus, which is built if need be.

    Attributes:
        home: folder that holds ``notebooks/``, ``data/``, ``results/`` and ``Images/``.
        profile: the ``Profile``.
        data: Path of the corpus.
        corpus_name: ``prompts`` (the embedded corpus) or ``FoR``.
        results, images: where tables and figures go: ``results/`` and ``Images/`` for the embedded corpus at ``demo``,
            a subfolder for everything else.
        features_folder: cache of features.

    Raises:
        FakeOrRealError: unknown profile, or no data.
    """

    def __init__(self, profile=None, data=None):
        self.profile = get_profile(profile or os.environ.get("FAKEORREAL_PROFILE") or "demo")
        self.home = _home()
        self.data = _data(data, self.home)
        self.corpus_name = "prompts" if (self.data / "build.json").is_file() else "FoR"
        default = (self.corpus_name, self.profile.name) == ("prompts", "demo")
        below = "." if default else f"{self.corpus_name}-{self.profile.name}"
        self.results, self.images = self.home / "results" / below, self.home / "Images" / below
        self.features_folder = self.home / "data" / "features"
        self._features, self._corpora = {}, {}
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if self.profile.threads:  # read by TensorFlow when it starts
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(self.profile.threads)

    def __repr__(self):
        return f"Study(profile={self.profile.name!r}, corpus={self.corpus_name!r})"

    def corpus(self, dataset):
        """The table of clips of a version of FoR."""
        if dataset not in self._corpora:
            self._corpora[dataset] = for_dataset.load(dataset, self.data)
        return self._corpora[dataset]

    def features(self, system, dataset, split):
        """Features of one split for one system, within the profile's budget; see ``features.extract``."""
        system = get_system(system)
        budget = self.profile.budget(system.name)
        cap = budget.training if split == "training" else budget.scoring
        key = (system.front_end, system.window, dataset, split, cap)
        if key not in self._features:
            corpus = self.corpus(dataset)
            corpus = corpus[corpus["split"] == split]
            if split == "training" and system.window:
                corpus = cut_windows(corpus, system.window)
            if cap:
                corpus = subsample(corpus, cap, SUBSAMPLE_SEED)
            if split != "training" and system.window:
                corpus = cut_windows(corpus, system.window)
            features = extract(corpus, system.front_end, self.features_folder)
            for failure in features.failed.itertuples():
                tqdm.write(f"left out {failure.clip}: {failure.reason}")
            self._features[key] = features
        return self._features[key]

    def run(self, *names):
        """Train and score systems on every version and seed of the budget, or read the scores of earlier runs.

        Args:
            names: keys of ``SYSTEMS``.

        Returns:
            DataFrame: clip, label, score, group, speaker, generator, language, split, system, dataset, seed, epochs,
            n_training (training rows).
        """
        todo = [
            (name, dataset, seed)
            for name in names
            for dataset in self.profile.budget(name).datasets
            for seed in self.profile.budget(name).seeds
        ]
        return pd.concat(
            [self.scores(*one) for one in tqdm(todo, desc="runs", unit="run")],
            ignore_index=True,
        )

    def scores(self, name, dataset, seed):
        """The scores of one run, as `run` gives them."""
        table = pd.read_csv(
            self.run_folder(name, dataset, seed) / "scores.csv", keep_default_na=False, na_values={"epochs": [""]}
        )
        return table.assign(system=name, dataset=dataset, seed=seed)

    def curves(self, *names):
        """Learning curves of the runs of Keras systems: system, dataset, seed, epoch, loss, accuracy, val_…"""
        return pd.concat(
            [
                pd.read_csv(self.run_folder(name, dataset, seed) / "history.csv").assign(
                    system=name, dataset=dataset, seed=seed
                )
                for name in names
                for dataset in self.profile.budget(name).datasets
                for seed in self.profile.budget(name).seeds
            ],
            ignore_index=True,
        )

    def save_table(self, table, name, caption, **options):
        """Write a table as CSV and Markdown; the caption gains corpus and profile. Returns the table."""
        caption = f"{caption} Corpus: {self.corpus_name}; profile: {self.profile.name}."
        tables.save_table(table, name, self.results, caption, **options)
        return table

    def save_figure(self, figure, name):
        """Write a figure as PNG. Returns the figure, so that a notebook shows it."""
        plotting.save_figure(figure, name, self.images)
        return figure

    def run_folder(self, name, dataset, seed):
        """Folder of a finished run; what is not there yet is computed. ``scores.csv`` is written last."""
        system, budget = get_system(name), self.profile.budget(name)
        splits = {split: self.features(name, dataset, split) for split in ("training", "validation", "testing")}
        what = [repr(system), system.front_end.config(), budget.marks, self.profile.threads, training.RECIPE_VERSION]
        what += [features.digest for features in splits.values()]
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
        folder = self.home / "data" / "runs" / name / f"{dataset}-seed{seed}-{key}"
        if not (folder / "scores.csv").is_file():
            scores = pd.concat(_scores(system, budget, splits, seed, folder))
            scores["n_training"] = len(splits["training"])
            folder.mkdir(parents=True, exist_ok=True)
            _write_csv(scores, folder / "scores.csv")
            shutil.rmtree(folder / "state", ignore_errors=True)
        return folder


def _scores(system, budget, splits, seed, folder):
    """Score validation and testing at every mark, and keep the learning curve."""
    if system.kind == "classical":
        fitted = [(None, training.fit_classical(system, splits["training"], seed=seed))]
    else:
        fitted = training.fit_network(
            system,
            splits["training"],
            splits["validation"],
            marks=budget.marks,
            seed=seed,
            folder=folder,
        )
    for epoch, model, *history in fitted:
        for split in ("validation", "testing"):
            yield training.score_clips(system, model, splits[split]).assign(epochs=epoch)
        if history:
            _write_csv(history[0], folder / "history.csv")


def _write_csv(table, path):
    write_atomically(path, table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode())


def _home():
    """The nearest folder upwards that holds ``notebooks/``, else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)


def _data(data, home):
    """Folder of the data. The embedded corpus is built where nothing else is asked for."""
    if data or os.environ.get("FAKEORREAL_DATA"):
        return for_dataset.data_root(data)
    from fakeorreal.corpora.prompts_build import build

    build(home / "data" / "prompts")
    return for_dataset.data_root(home / "data" / "prompts")
