"""What notebook 09 calls: the CNN of the In-the-Wild study on speakers it never heard; see ``corpus_study``."""

import os
from dataclasses import replace

import pandas as pd
from tqdm import tqdm

from fakeorreal import experiments
from fakeorreal.corpora import SPLITS, cut_windows, leave_one_speaker_out, load_in_the_wild, published_split
from fakeorreal.corpus_study import CorpusStudy
from fakeorreal.grid import Grid, run_grid
from fakeorreal.systems import get_system

_DAY = 86_400.0  # seconds: no clip lasts longer

_PUBLISHED = {
    "options.channels": [1, 2, 4, 8, 16, 32, 64],
    "learning_rate": [1e-3, 5e-4, 1e-4],
    "batch": [8, 16, 32, 64, 128],
}
_GRIDS = {  # settings, epochs, rows of each class
    "smoke": ({"options.channels": [1, 2], "learning_rate": [1e-3], "batch": [4]}, 1, 4),
    "demo": ({"options.channels": [1, 4, 16], "learning_rate": [1e-3, 1e-4], "batch": [32]}, 8, 160),
    "full": (_PUBLISHED, 20, None),
}
STOP_AFTER = 3  # epochs without a new low of the validation loss, as published


class WildStudy(CorpusStudy):
    """Speakers never heard.

    Args:
        profile: as in ``Workspace``.
        data: folder of In-the-Wild, split as published; None for FAKEORREAL_IN_THE_WILD, else for-norm as ``Study``
            finds it, with its own splits: that of the embedded corpus, or of FAKEORREAL_DATA.

    Attributes:
        corpus: the table of clips.
        corpus_name: ``In-the-Wild``, ``prompts`` (embedded) or ``FoR``.

    Raises:
        FakeOrRealError: unknown profile, no data, or no clip of the speaker whom the published split holds out.
    """

    def __init__(self, profile=None, data=None):
        super().__init__(profile)
        given = data or os.environ.get("FAKEORREAL_IN_THE_WILD")
        if given:
            self.use(published_split(load_in_the_wild(given)), "In-the-Wild")
        else:
            self.use_for_norm()

    def grid(self, name):
        """Search over channels, learning rate and batch: the log of ``grid.run_grid``; nothing is run twice.

        Every run is scored at its lowest validation loss and ends ``STOP_AFTER`` epochs after it.

        Args:
            name: key of ``SYSTEMS``.
        """
        settings, epochs, cap = _GRIDS[self.profile.name]
        system, seeds = replace(get_system(name), best=True), self.profile.budget(name).seeds
        return run_grid(
            Grid(system, settings, (epochs,), seeds, cap, STOP_AFTER),
            self.corpus,
            self.runs / name / "grid.csv",
            features=self.features_folder,
            runs=self.runs,
            name=f"{self.corpus_name}-grid",
            threads=self.profile.threads,
        )

    def segments(self, *names):
        """As `run`, the scores of segments: windows of clips, named ``clip#0``, ``clip#1`` …"""
        return pd.concat(
            [
                experiments.read_windows(self.run_folder(name, seed)).assign(system=name, seed=seed)
                for name, seed in self._each(names, "segments")
            ],
            ignore_index=True,
        )

    def seconds(self, *names):
        """How long the clips last that `run` scores: Series, clip → seconds."""
        splits = [self.features(name, split).corpus for name in names for split in SPLITS[1:]]
        clips = pd.concat(splits)["clip"].str.split("#").str[0]
        whole = cut_windows(self.corpus[self.corpus["clip"].isin(clips)], _DAY)
        return pd.Series((whole["end"] - whole["start"]).to_numpy(), whole["clip"].str.removesuffix("#0"))

    def speakers(self, name):
        """Scores of a system trained as often as there are speakers to hold out, each time without one of them.

        Args:
            name: key of ``SYSTEMS``.

        Returns:
            DataFrame as from `run`, and ``held_out``: the speaker of testing. No rows where nobody can be held out.
        """
        system, budget = get_system(name), self.profile.budget(name)
        found = []
        for held_out, table in tqdm(list(leave_one_speaker_out(self.corpus)), desc="speakers", unit="speaker"):
            training, *scored = (
                experiments.split_features(system, table, split, cap=cap, folder=self.features_folder)
                for split, cap in zip(SPLITS, (budget.training, budget.scoring, budget.scoring), strict=True)
            )
            for seed in budget.seeds:
                folder = self._run_folder(name, seed, training, scored, f"{self.corpus_name}-speaker")
                found.append(self._scores(folder, name, seed).assign(held_out=held_out))
        if not found:
            return self.run(name)[:0].assign(held_out="")
        return pd.concat(found, ignore_index=True)
