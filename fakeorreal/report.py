"""From saved scores to what tables and figures show."""

import pandas as pd

from fakeorreal import metrics, tables


def last_epochs(scores):
    """The rows of each system's last mark: longest trained, or without epochs."""
    last = scores.groupby("system")["epochs"].transform("max")
    return scores[scores["epochs"].isna() | (scores["epochs"] == last)]


def one_run(scores, system, dataset):
    """(validation, testing) scores of a system's first seed at its last mark."""
    rows = last_epochs(scores[(scores["system"] == system) & (scores["dataset"] == dataset)])
    rows = rows[rows["seed"] == rows["seed"].min()]
    return rows[rows["split"] == "validation"], rows[rows["split"] == "testing"]


def curves(scores, dataset):
    """Testing labels and scores of every system on a data set, first seed, last mark: dict for ROC and DET."""
    systems = scores.loc[scores["dataset"] == dataset, "system"].unique()
    runs = {system: one_run(scores, system, dataset)[1] for system in systems}
    return {system: (run["label"].to_numpy(), run["score"].to_numpy()) for system, run in runs.items()}


def threshold_of(validation):
    """Score threshold at the equal-error point of validation scores."""
    return metrics.eer_threshold(validation["label"], validation["score"])


def confusions(scores, system):
    """Confusion counts of a system on testing, first seed, last mark: data set → [[tn, fp], [fn, tp]]."""
    found = {}
    for dataset in tables.ordered_datasets(scores.loc[scores["system"] == system, "dataset"]):
        validation, testing = one_run(scores, system, dataset)
        c = metrics.confusion(testing["label"], testing["score"], threshold_of(validation))
        found[dataset] = [[c["tn"], c["fp"]], [c["fn"], c["tp"]]]
    return found


def threshold_transfer(scores):
    """What it costs to carry the threshold of validation over to testing: per system and data set, last mark.

    Returns:
        DataFrame in per cent, means over seeds: EER on both splits, balanced accuracy on testing at the threshold of
        validation, and ``threshold_loss``: how far that stays below 100 - EER, what the right threshold would give.
    """
    rows = []
    for (system, dataset), runs in last_epochs(scores).groupby(["system", "dataset"]):
        per_seed = [_transfer(run) for _, run in runs.groupby("seed")]
        rows.append({"system": system, "dataset": dataset, **pd.DataFrame(per_seed).mean()})
    return tables.in_order(pd.DataFrame(rows), ["system", "dataset"])


def _transfer(run):
    validation, testing = (run[run["split"] == split] for split in ("validation", "testing"))
    here = metrics.evaluate(testing, validation)
    accuracy, eer = 100 * here["balanced_accuracy"], 100 * here["eer"]
    return {
        "eer_validation": 100 * metrics.eer(validation["label"], validation["score"]),
        "eer_testing": eer,
        "balanced_accuracy": accuracy,
        "threshold_loss": 100 - eer - accuracy,
    }


def beside_literature(benchmark, system):
    """Our accuracy of a system beside what the literature states for it, by data set and epochs, in per cent."""
    ours = benchmark.loc[benchmark["system"] == system, ["dataset", "epochs", "accuracy", "eer", "eer_low", "eer_high"]]
    stated = tables.LITERATURE[tables.LITERATURE["system"] == system].dropna(subset="epochs")
    stated = stated.rename(columns={"accuracy": "stated_accuracy"})[
        ["dataset", "epochs", "stated_accuracy", "source", "note"]
    ]
    return ours.merge(stated, on=["dataset", "epochs"], how="left")


def layers(model):
    """(name, output shape, parameters) of every layer of a Keras model, for ``figures.model_diagram``."""
    return [
        (layer.name.rstrip("0123456789").replace("_", " ").strip(), _shape(layer.output.shape), layer.count_params())
        for layer in model.layers
    ]


def _shape(shape):
    return "×".join(str(size) for size in shape[1:])
