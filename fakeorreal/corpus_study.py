"""What the studies of one corpus share: runs of systems on its splits, their scores and logs, frozen detectors.

Every run leaves its scores in ``data/runs``; tables and figures are made from those alone.
"""

import keras
import pandas as pd
from tqdm import tqdm

from fakeorreal import chunk_splits, experiments
from fakeorreal.corpora import SPLITS
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frozen_systems import detector_folder, freeze_system
from fakeorreal.study import Study
from fakeorreal.systems import get_system
from fakeorreal.workspace import Workspace

POOL = 2  # chunks of each class that are split in three ways: times the training rows of the budget
LEAST = 100  # of them: fewer come from too few recordings to be split
CHUNK = 1.0  # seconds: of 3, as AI-SPY's, the clips of FoR would hold one


class CorpusStudy(Workspace):
    """Systems side by side on one corpus, which a study names by `use` or `use_for_norm`.

    Args:
        profile: as in ``Workspace``.

    Attributes:
        corpus: the table of clips.
        corpus_name: as in ``Workspace``.
    """

    def use(self, corpus, name, *, embedded=False):
        """Study a table of clips under a name."""
        self.corpus, self._features = corpus, {}
        self.name_corpus(name, embedded=embedded)

    def use_for_norm(self):
        """Study for-norm as ``Study`` finds it: that of the embedded corpus, or of FAKEORREAL_DATA."""
        study = Study(self.profile.name)
        self.use(study.corpus("for-norm"), study.corpus_name, embedded=study.corpus_name == "prompts")

    def features(self, name, split, *, cap=None):
        """Features of one split for one system, see ``experiments.split_features``.

        Args:
            name: key of ``SYSTEMS``.
            split: of the corpus.
            cap: training rows of each class; None for the budget.
        """
        system, budget = get_system(name), self.profile.budget(name)
        cap = cap or (budget.training if split == "training" else budget.scoring)
        key = (system.front_end, system.window, system.augmentation, split, cap)
        if key not in self._features:
            self._features[key] = experiments.split_features(
                system, self._clips(split), split, cap=cap, folder=self.features_folder
            )
        return self._features[key]

    def run_folder(self, name, seed):
        """Folder of a run, see ``experiments.run_folder``."""
        training, *scored = (self.features(name, split) for split in SPLITS)
        return self._run_folder(name, seed, training, scored, self.corpus_name)

    def run(self, *names):
        """Train and score systems, or read the scores of earlier runs.

        Args:
            names: keys of ``SYSTEMS``.

        Returns:
            DataFrame: clip, label, score, group, speaker, generator, language, split, epochs, n_training, system, seed.
        """
        return pd.concat(
            [self._scores(self.run_folder(name, seed), name, seed) for name, seed in self._each(names, "runs")],
            ignore_index=True,
        )

    def split_lesson(self, name):
        """The same chunks of the same recordings, of ``CHUNK`` seconds, split in three ways, see ``chunk_splits``.

        Args:
            name: key of ``SYSTEMS``.

        Returns:
            DataFrame as from `run`, and ``scheme``, ``seen_recording``, ``seen_speaker``: whether training held another
            chunk of the same group, or of the same speaker.

        Raises:
            FakeOrRealError: see ``chunk_splits.draw_chunks``.
        """
        system, rows = get_system(name), self.profile.budget(name).training
        chunks = chunk_splits.draw_chunks(self.corpus, CHUNK, rows and max(LEAST, POOL * rows))
        tables = chunk_splits.schemes(chunks, training=rows)
        found = []
        for seed in self.profile.budget(name).seeds:
            for scheme, table in tqdm(tables.items(), desc="splits", unit="run"):
                training, *scored = (
                    experiments.split_features(system, table, split, cap=None, folder=self.features_folder)
                    for split in SPLITS
                )
                folder = self._run_folder(name, seed, training, scored, f"{self.corpus_name}-{scheme}")
                scores = self._scores(folder, name, seed).assign(scheme=scheme)
                for column, seen in (("group", "seen_recording"), ("speaker", "seen_speaker")):
                    scores[seen] = scores[column].isin(training.corpus[column])
                found.append(scores)
        return pd.concat(found, ignore_index=True)

    def curves(self, *names):
        """The logs of runs: system, seed, and the columns of ``training.fit_network``'s history."""
        return pd.concat(
            [
                pd.read_csv(self.run_folder(name, seed) / "history.csv").assign(system=name, seed=seed)
                for name, seed in self._each(names, "logs")
            ],
            ignore_index=True,
        )

    def model(self, name):
        """The network of the first seed that is scored; of a system at its best that of the lowest validation loss."""
        budget = self.profile.budget(name)
        mark = f"{'best' if get_system(name).best else 'epoch'}-{budget.marks[-1]}.keras"
        return keras.models.load_model(self.run_folder(name, budget.seeds[0]) / mark, safe_mode=True)

    def freeze(self, *names):
        """Freeze the first seed of systems to ``data/detectors``, as ``fakeorreal predict --system`` takes them.

        A system whose validation scores do not rise with fake cannot be calibrated: it is named and gets none.

        Returns:
            dict name → Detector.
        """
        found = {}
        for name in names:
            folder = self.run_folder(name, self.profile.budget(name).seeds[0])
            scores = experiments.read_scores(folder)
            validation = scores[(scores["split"] == "validation") & (scores["epochs"] == scores["epochs"].max())]
            try:
                found[name] = freeze_system(
                    get_system(name), self.model(name), validation, detector_folder(name), version=folder.name
                )
            except FakeOrRealError as error:
                tqdm.write(f"{name} gets no detector: {error}")
        return found

    def _clips(self, split):
        """The table that holds a split."""
        return self.corpus

    def _run_folder(self, name, seed, training, scored, trained_on):
        return experiments.run_folder(
            get_system(name),
            training,
            scored,
            marks=self.profile.budget(name).marks,
            seed=seed,
            threads=self.profile.threads,
            runs=self.runs,
            name=trained_on,
        )

    def _each(self, names, what):
        """(name, seed) of every run of some systems, with a progress bar."""
        return tqdm([(name, seed) for name in names for seed in self.profile.budget(name).seeds], desc=what, unit="run")

    def _scores(self, folder, name, seed):
        return experiments.read_scores(folder).assign(system=name, seed=seed)
