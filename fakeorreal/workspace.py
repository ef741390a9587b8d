"""Where a study runs and what it leaves behind: folders, profile, tables and figures."""

import os

from fakeorreal import plotting, tables
from fakeorreal.project import project_home
from fakeorreal.systems import get_profile


class Workspace:
    """What the studies of all corpora share.

    Args:
        profile: ``smoke``, ``demo`` or ``full``; None for the environment variable FAKEORREAL_PROFILE, else ``demo``.

    Attributes:
        home: folder that holds ``notebooks/``, ``data/``, ``results/`` and ``Images/``.
        profile: the ``Profile``.
        corpus_name: of what is studied, for captions.
        results, images: where tables and figures go: ``results/`` and ``Images/`` for an embedded corpus at ``demo``,
            a subfolder for everything else.
        features_folder, runs: cache of features, and runs with their scores.

    Raises:
        FakeOrRealError: unknown profile.
    """

    def __init__(self, profile=None):
        self.profile = get_profile(profile or os.environ.get("FAKEORREAL_PROFILE") or "demo")
        self.home = project_home()
        self.features_folder, self.runs = self.home / "data" / "features", self.home / "data" / "runs"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if self.profile.threads:  # read by TensorFlow when it starts
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(self.profile.threads)
            os.environ["TF_NUM_INTEROP_THREADS"] = "1"  # operators that share the threads round differently each time

    def name_corpus(self, name, *, embedded):
        """Say what is studied, and with that where results go."""
        self.corpus_name = name
        below = "." if embedded and self.profile.name == "demo" else f"{name}-{self.profile.name}"
        self.results, self.images = self.home / "results" / below, self.home / "Images" / below

    def __repr__(self):
        return f"{type(self).__name__}(profile={self.profile.name!r}, corpus={self.corpus_name!r})"

    def save_table(self, table, name, caption, **options):
        """Write a table as CSV and Markdown; the caption gains corpus and profile. Returns the table."""
        caption = f"{caption} Corpus: {self.corpus_name}; profile: {self.profile.name}."
        tables.save_table(table, name, self.results, caption, **options)
        return table

    def save_figure(self, figure, name):
        """Write a figure as PNG. Returns the figure, so that a notebook shows it."""
        plotting.save_figure(figure, name, self.images)
        return figure
