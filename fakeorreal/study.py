"""What the notebooks call: which systems on which versions of FoR, at which profile, and where results go.

Every run leaves its scores in ``data/runs``; tables and figures are made from those files alone.
"""

import os

import pandas as pd
from tqdm import tqdm

from fakeorreal import experiments
from fakeorreal.corpora import SPLITS, for_dataset
from fakeorreal.systems import get_system
from fakeorreal.workspace import Workspace


class Study(Workspace):
    """One pass through the benchmark on Fake-or-Real.

    Args:
        profile: as in ``Workspace``.
        data: folder of the data; None for FAKEORREAL_DATA, else the embedded corpus, which is built if need be.

    Attributes:
        data: Path of the corpus.
        corpus_name: ``prompts`` (the embedded corpus) or ``FoR``.

    Raises:
        FakeOrRealError: unknown profile, or no data.
    """

    def __init__(self, profile=None, data=None):
        super().__init__(profile)
        self.data = _data(data, self.home)
        embedded = (self.data / "build.json").is_file()
        self.name_corpus("prompts" if embedded else "FoR", embedded=embedded)
        self._features, self._corpora = {}, {}

    def corpus(self, dataset):
        """The table of clips of a version of FoR."""
        if dataset not in self._corpora:
            self._corpora[dataset] = for_dataset.load(dataset, self.data)
        return self._corpora[dataset]

    def features(self, system, dataset, split):
        """Features of one split for one system, within the profile's budget; see ``experiments.split_features``."""
        system = get_system(system)
        budget = self.profile.budget(system.name)
        cap = budget.training if split == "training" else budget.scoring
        key = (system.front_end, system.window, system.augmentation, dataset, split, cap)
        if key not in self._features:
            self._features[key] = experiments.split_features(
                system, self.corpus(dataset), split, cap=cap, folder=self.features_folder
            )
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
        table = experiments.read_scores(self.run_folder(name, dataset, seed))
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

    def run_folder(self, name, dataset, seed):
        """Folder of a finished run, see ``experiments.run_folder``."""
        budget = self.profile.budget(name)
        training, *scored = (self.features(name, dataset, split) for split in SPLITS)
        return experiments.run_folder(
            get_system(name),
            training,
            scored,
            marks=budget.marks,
            seed=seed,
            threads=self.profile.threads,
            runs=self.runs,
            name=dataset,
        )


def _data(data, home):
    """Folder of the data. The embedded corpus is built where nothing else is asked for."""
    if data or os.environ.get("FAKEORREAL_DATA"):
        return for_dataset.data_root(data)
    from fakeorreal.corpora.prompts_build import build

    build(home / "data" / "prompts")
    return for_dataset.data_root(home / "data" / "prompts")
