"""Score a detector on a folder corpus, clean and under every test condition, and write its tables and figures."""

from pathlib import Path

import pandas as pd

from fakeorreal import detector_figures
from fakeorreal.evaluation import CLEAN, save_tables, score_corpus
from fakeorreal.files import write_atomically
from fakeorreal.named_channels import CONDITIONS
from fakeorreal.plotting import save_figure

SCORES = "detector_scores.csv"


def evaluate_detector(detector, corpus, *, results, images):
    """Everything that is reported of a detector.

    Validation clips are scored clean, for calibration to be seen; testing clips clean and under each condition.

    Args:
        detector: from ``load_detector``.
        corpus: table of `corpora.load_folder` with the splits validation and testing.
        results: folder for ``detector_scores.csv`` and the tables.
        images: folder for the figures.

    Returns:
        (tables, failed): dict name → DataFrame, and the clips that could not be judged.

    Raises:
        FakeOrRealError: as ``score_corpus`` and ``save_tables``.
    """
    testing = corpus[corpus["split"] == "testing"]
    runs = [(corpus[corpus["split"] == "validation"], None), *((testing, name) for name in (None, *CONDITIONS))]
    scored = [score_corpus(detector, clips, condition) for clips, condition in runs]
    scores = pd.concat([table for table, _ in scored], ignore_index=True)
    failed = pd.concat([table for _, table in scored], ignore_index=True)
    write_atomically(Path(results) / SCORES, scores.to_csv(index=False, float_format="%.5f").encode())
    tables = save_tables(scores, detector, results, corpus=described(testing))
    _draw(scores, tables, images)
    return tables, failed


def described(clips):
    """A corpus in words, for captions."""
    counts = clips["label"].value_counts()
    return f"{counts[0]:,} real and {counts[1]:,} fake clips of {clips['source'].nunique()} sources"


def _draw(scores, tables, images):
    clean = scores[scores["condition"] == CLEAN]
    by_split = {split: (run["label"], run["score"]) for split, run in clean.groupby("split", sort=False)}
    figures = {
        "detector_det": detector_figures.det_by_condition(scores[scores["split"] == "testing"]),
        "detector_reliability": detector_figures.reliability_diagram(by_split),
        "detector_families": detector_figures.family_dots(tables["detector_families"]),
        "detector_sources": detector_figures.source_dots(tables["detector_sources"]),
    }
    for name, figure in figures.items():
        save_figure(figure, name, images)
