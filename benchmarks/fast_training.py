"""Whether its fast recipe costs the Custom-CNN anything: every version of the embedded corpus, six seeds.

The recipe has large batches and, where the processor has it, bfloat16; beside it the usual training, in float32 and
batches of 32, at half the rate. Both begin with the same weights and see the same clips in the same order. The runs
stay in data/runs.
"""

import argparse
from dataclasses import replace
from pathlib import Path

USUAL = {"half": False, "batch": 32, "learning_rate": 5e-4}
EPOCHS = 20
FULL = {"profile": "demo", "seeds": range(6)}
QUICK = {"profile": "smoke", "seeds": range(2)}


def errors(profile, seeds):
    """DataFrame: dataset, seed, training, eer (%), accuracy (%) at the threshold of validation."""
    import pandas as pd

    from fakeorreal import experiments, metrics
    from fakeorreal.corpora import SPLITS
    from fakeorreal.study import Study
    from fakeorreal.systems import get_system

    study, fast, rows = Study(profile), get_system("custom_cnn"), []
    budget = study.profile.budget(fast.name)
    for dataset in budget.datasets:
        training, *scored = (study.features(fast.name, dataset, split) for split in SPLITS)
        for seed in seeds:
            for how, system in {"usual": replace(fast, **USUAL), "fast": fast}.items():
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
                row = {"dataset": dataset, "seed": seed, "training": how}
                rows.append(row | {"eer": 100 * found["eer"], "accuracy": 100 * found["accuracy"]})
                print(
                    "{dataset}, seed {seed}, {training}: EER {eer:.1f} %, {accuracy:.1f} % right".format(**rows[-1]),
                    flush=True,
                )
    return pd.DataFrame(rows)


def differences(found):
    """Means by version and over all, and what the recipe adds, with a 95 % interval over pairs of runs (Student's t).

    Returns:
        DataFrame: dataset, measure (``eer``, ``accuracy``), runs; mean of either training; ``change`` in points,
        with its ``change_low`` and ``change_high``.
    """
    import pandas as pd
    from scipy import stats

    rows = []
    for dataset in [*found["dataset"].unique(), "all"]:
        here = found if dataset == "all" else found[found["dataset"] == dataset]
        for measure in ("eer", "accuracy"):
            pairs = here.pivot(index=["dataset", "seed"], columns="training", values=measure)
            change = pairs["fast"] - pairs["usual"]
            low, high = stats.t.interval(0.95, len(change) - 1, change.mean(), stats.sem(change))
            row = {"dataset": dataset, "measure": measure, "runs": len(change)}
            means = {"usual": pairs["usual"].mean(), "fast": pairs["fast"].mean()}
            rows.append(row | means | {"change": change.mean(), "change_low": low, "change_high": high})
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/fast_training.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; writes no table")
    options = parser.parse_args()
    from fakeorreal.machine import machine
    from fakeorreal.systems import get_system
    from fakeorreal.tables import save_table

    size = QUICK if options.quick else FULL
    table = differences(errors(**size))
    print(table.to_string(index=False, float_format="{:.2f}".format))
    if options.quick:
        return
    recipe = get_system("custom_cnn")
    caption = (
        f"Custom-CNN after {EPOCHS} epochs, {len(size['seeds'])} seeds, profile {size['profile']} on the embedded "
        "corpus prompts: EER and accuracy on testing in per cent, means over runs; usual: float32, batches of 32, rate "
        f"{USUAL['learning_rate']:g}; fast: the recipe, {recipe.precision}, batches of "
        f"{recipe.batch}, rate {recipe.learning_rate:g}; change in points, with a 95 % interval over pairs of runs. "
        f"Machine: {machine('keras', 'tensorflow-cpu')}."
    )
    save_table(table, options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
