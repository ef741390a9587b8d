"""Whether bfloat16 costs the Custom-CNN anything: every version of the embedded corpus, three seeds, both precisions.

Both are trained on the same clips in the same order from the same weights. The runs stay in data/runs.
"""

import argparse
from dataclasses import replace
from pathlib import Path

EPOCHS = 20
FULL = {"profile": "demo", "seeds": range(3)}
QUICK = {"profile": "smoke", "seeds": range(2)}


def errors(profile, seeds):
    """DataFrame: dataset, seed, precision, eer (%), accuracy (%) at the threshold of validation."""
    import pandas as pd

    from fakeorreal import experiments, metrics
    from fakeorreal.corpora import SPLITS
    from fakeorreal.study import Study
    from fakeorreal.systems import get_system

    study, usual, rows = Study(profile), get_system("custom_cnn"), []
    budget = study.profile.budget(usual.name)
    for dataset in budget.datasets:
        training, *scored = (study.features(usual.name, dataset, split) for split in SPLITS)
        for seed in seeds:
            for system in (replace(usual, half=False), replace(usual, half=True)):
                folder = experiments.run_folder(
                    system,
                    training,
                    scored,
                    marks=(EPOCHS,),
                    seed=seed,
                    threads=study.profile.threads,
                    runs=study.runs,
                    name=dataset,
                )
                scores = experiments.read_scores(folder)
                found = metrics.evaluate(*(scores[scores["split"] == split] for split in ("testing", "validation")))
                row = {"dataset": dataset, "seed": seed, "precision": system.precision}
                rows.append(row | {"eer": 100 * found["eer"], "accuracy": 100 * found["accuracy"]})
                print(
                    "{dataset}, seed {seed}, {precision}: EER {eer:.1f} %, {accuracy:.1f} % right".format(**rows[-1]),
                    flush=True,
                )
    return pd.DataFrame(rows)


def differences(found):
    """Means by version and over all, and what bfloat16 adds, with a 95 % interval over pairs of runs (Student's t).

    Returns:
        DataFrame: dataset, measure (``eer``, ``accuracy``), runs; mean in float32 and bfloat16; ``change`` in points,
        with its ``change_low`` and ``change_high``.
    """
    import pandas as pd
    from scipy import stats

    rows = []
    for dataset in [*found["dataset"].unique(), "all"]:
        here = found if dataset == "all" else found[found["dataset"] == dataset]
        for measure in ("eer", "accuracy"):
            pairs = here.pivot(index=["dataset", "seed"], columns="precision", values=measure)
            change = pairs["mixed_bfloat16"] - pairs["float32"]
            low, high = stats.t.interval(0.95, len(change) - 1, change.mean(), stats.sem(change))
            row = {"dataset": dataset, "measure": measure, "runs": len(change)}
            means = {"float32": pairs["float32"].mean(), "bfloat16": pairs["mixed_bfloat16"].mean()}
            rows.append(row | means | {"change": change.mean(), "change_low": low, "change_high": high})
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/half_precision.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; writes no table")
    options = parser.parse_args()
    from fakeorreal.machine import machine, multiplies_bfloat16
    from fakeorreal.tables import save_table

    if not multiplies_bfloat16():
        raise SystemExit("This processor does not multiply in bfloat16, and trains in float32: nothing to compare.")
    size = QUICK if options.quick else FULL
    table = differences(errors(**size))
    print(table.to_string(index=False, float_format="{:.2f}".format))
    if options.quick:
        return
    caption = (
        f"Custom-CNN after {EPOCHS} epochs, {len(size['seeds'])} seeds, profile {size['profile']} on the embedded "
        "corpus prompts: EER and accuracy on testing in per cent, means over runs; change by bfloat16 in points, with "
        f"a 95 % interval over pairs of runs. Machine: {machine('keras', 'tensorflow-cpu')}."
    )
    save_table(table, options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
