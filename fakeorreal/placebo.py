"""The placebo control: has a detector learned synthesis, or only the path that fakes took through the corpus?"""

import keras
import pandas as pd

from fakeorreal import metrics, report, training
from fakeorreal.corpora import cut_windows, make_corpus
from fakeorreal.corpora.for_dataset import read_manifest
from fakeorreal.corpora.prompts_build import PLACEBO
from fakeorreal.features import extract
from fakeorreal.systems import get_system

DATASET = "for-norm"


def placebo_table(study, *names):
    """Human testing clips against the same recordings sent down the path of the fakes, without any synthesis.

    Args:
        study: a ``Study``.
        names: Keras systems; their first seed at its last mark on for-norm is used.

    Returns:
        DataFrame, one row per system: AUC between the two (0.5: the path leaves no trace that the system uses), share
        called fake of the human and of the placebo clips in per cent, and how many there are. Empty where the corpus
        has no placebo, as the genuine FoR.
    """
    manifest = read_manifest(DATASET, study.data)
    columns = ["system", "auc", "human_called_fake", "placebo_called_fake", "n_human", "n_placebo"]
    if manifest is None or PLACEBO not in set(manifest["generator"]):
        return pd.DataFrame(columns=columns)
    clips = manifest[manifest["generator"] == PLACEBO]
    corpus = make_corpus(clips.assign(path=[str(study.data / clip) for clip in clips["clip"]]))
    return pd.DataFrame([_row(study, name, corpus) for name in names], columns=columns)


def _row(study, name, corpus):
    system, budget = get_system(name), study.profile.budget(name)
    validation, testing = report.one_run(study.scores(name, DATASET, budget.seeds[0]), name, DATASET)
    threshold = report.threshold_of(validation)
    human = testing.query("label == 0")["score"]
    rows = cut_windows(corpus, system.window) if system.window else corpus
    features = extract(rows, system.front_end, study.features_folder)
    training.make_deterministic(budget.seeds[0])
    model = study.run_folder(name, DATASET, budget.seeds[0]) / f"epoch-{budget.marks[-1]}.keras"
    placebo = training.score_clips(system, keras.models.load_model(model, safe_mode=True), features)["score"]
    labels = [0] * len(human) + [1] * len(placebo)
    return {
        "system": name,
        "auc": metrics.auc(labels, pd.concat([human, placebo])),
        "human_called_fake": 100 * (human >= threshold).mean(),
        "placebo_called_fake": 100 * (placebo >= threshold).mean(),
        "n_human": len(human),
        "n_placebo": len(placebo),
    }
