"""The leaderboard: every system on every corpus that it was scored on, from saved scores and tables alone."""

import pandas as pd

from fakeorreal import evaluation, tables
from fakeorreal.report import last_epochs
from fakeorreal.robustness_report import ALL

CAPTION = (
    "Every system on every corpus that it was scored on, best EER first within a corpus. Speed: seconds of audio "
    "judged in a second of one core, front end included, measured in this study. Robust: mean EER over the rungs of "
    "all ladders, on a sample of the system's own clips, in the row of the corpus that they are from; worst family: of "
    "the highest mean EER. Intervals: 95 % bootstrap over groups; of the detector on its own sources over whole "
    "sources. Parameters: of classical systems none are counted. Rows may be compared within a corpus and with equal "
    "test clips only: systems differ in their training rows, and the detector brings its own training, the training "
    "split of the embedded for-norm among it."
)

_COLUMNS = ["corpus", "system", "parameters", "speed", "eer", "eer_low", "eer_high"]
_COLUMNS += ["eer_robust", "worst_family", "eer_worst_family", "n_rungs", "n_training", "n_clips", "n_groups", "seeds"]


def board(scores, detector, costs, summary, own):
    """The leaderboard.

    Args:
        scores: from ``TrustStudy.board``.
        detector: rows of the shipped detector in ``trust_report.matrix_table``.
        costs: from ``TrustStudy.costs``.
        summary: from ``robustness_report.summary_table``.
        own: dict system → corpus of its clips on the ladders.

    Returns:
        DataFrame: corpus, system, parameters, speed, eer with its interval, eer_robust, worst_family,
        eer_worst_family, n_rungs, n_training, n_clips, n_groups, seeds.
    """
    found = tables.benchmark_table(last_epochs(scores)).rename(columns={"dataset": "corpus"})
    found = pd.concat([found, detector.rename(columns={"tested_on": "corpus"})], ignore_index=True)
    found = found.merge(costs, how="left", on="system")
    found = found.merge(_robust(summary).assign(corpus=lambda row: row["system"].map(own)), how="left")
    found["place"] = found["corpus"].map({name: k for k, name in enumerate(tables.ordered_datasets(found["corpus"]))})
    return found.sort_values(["place", "eer", "system"], ignore_index=True)[_COLUMNS]


def own_sources(path, threshold):
    """The detector on its own testing clips, as `board` takes it; no row where the file is not there.

    Args:
        path: of ``detector_scores.csv``, which ``fakeorreal evaluate-detector`` writes.
        threshold: of the detector.
    """
    if not path.is_file():
        return pd.DataFrame()
    scores = pd.read_csv(path, keep_default_na=False)
    scores = scores[(scores["split"] == "testing") & (scores["condition"] == evaluation.CLEAN)]
    (row,) = evaluation.summary_table(scores, threshold).to_dict("records")
    kept = {name: row[name] for name in ("eer", "eer_low", "eer_high", "n_clips")}
    return pd.DataFrame([{"tested_on": "the detector's own sources", "system": "detector", **kept}])


def _robust(summary):
    """A row per system: the mean over all rungs, and the family of the highest mean."""
    over_all = summary[summary["family"] == ALL][["system", "eer_robust", "n_rungs"]]
    families = summary[summary["family"] != ALL].sort_values("eer_robust", kind="stable").groupby("system").last()
    worst = families.reset_index()[["system", "family", "eer_robust"]]
    return over_all.merge(worst.set_axis(["system", "worst_family", "eer_worst_family"], axis=1), on="system")
