"""From which size on a Dask cluster pays: extraction and boosted trees on this machine's processes and on workers.

Contenders take turns in every round. Each begins with nothing: processes and workers are started within its time, as
is the connection to them.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

SR = 16000
SECONDS = 2.0  # of a clip
FULL = {"clips": 16_000, "few": 200, "rounds": 3, "rows": 200_000}
QUICK = {"clips": 40, "few": 8, "rounds": 1, "rows": 400}
CORPORA = {"Fake-or-Real": 200_000, "ten million clips": 10_000_000}
WORKERS = (2, 16, 64)
LOCAL = "processes of this machine"
CLUSTER = "workers of a cluster"


def make_corpus_of(n, folder):
    """Corpus of clips of speech-like sound, no two alike."""
    import numpy as np
    from detector_speed import speech

    from fakeorreal import audio
    from fakeorreal.corpora import make_corpus

    rng = np.random.default_rng(0)
    sound = np.concatenate([speech(SR, seed) for seed in range(4)])
    length, rows = round(SECONDS * SR), []
    for k in range(n):
        y = sound[rng.integers(len(sound) - length) :][:length]
        path = folder / f"{k:06}.wav"
        audio.write(path, y + 1e-3 * rng.standard_normal(length), sr=SR)
        rows.append({"clip": path.name, "path": str(path), "label": k % 2, "split": "training", "group": path.name})
    return make_corpus(rows)


def extract_on(where, n, corpus, folder):
    """Seconds to extract log-mel features into a new folder on so many processes or workers, and the features."""
    from distributed import LocalCluster
    from joblib.externals.loky import get_reusable_executor

    from fakeorreal.features import LogMel, extract
    from fakeorreal.scale_out import on_cluster

    os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)  # which a cluster of this process leaves behind
    start = time.perf_counter()
    if where == LOCAL:
        features = extract(corpus, LogMel(), folder, n_jobs=n, progress=False)
        seconds = time.perf_counter() - start
        get_reusable_executor().shutdown()
        return seconds, features
    with (
        LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None) as cluster,
        on_cluster(cluster.scheduler_address, reads=corpus["path"], writes=[folder]),
    ):
        features = extract(corpus, LogMel(), folder, progress=False)
        return time.perf_counter() - start, features


def measure_extraction(corpus, few, rounds, folder):
    """Medians over rounds of what extraction takes: for a few clips, which is mostly the start, and for all.

    Returns:
        DataFrame: ``extracted by, number, start`` (s, without clips), ``per_clip`` (ms), ``clips_per_second`` (start
        included), ``times`` (as fast as one process).
    """
    import numpy as np
    import pandas as pd

    contenders = [(LOCAL, 1), (LOCAL, 2), (CLUSTER, 2)]
    seconds = {(one, size): [] for one in contenders for size in (few, len(corpus))}
    expected = None
    for _ in range(rounds):
        for one, size in seconds:
            cache = folder / "features"
            taken, features = extract_on(*one, corpus[:size], cache)
            seconds[one, size].append(taken)
            print(f"{one[1]} {one[0]}: {size} clips in {taken:.1f} s", flush=True)
            found = features.rows(range(few))
            expected = found if expected is None else expected
            np.testing.assert_array_equal(found, expected)
            shutil.rmtree(cache)
    median = {key: statistics.median(values) for key, values in seconds.items()}
    rows = []
    for where, n in contenders:
        little, much = (median[(where, n), size] for size in (few, len(corpus)))
        per_clip = max(0.0, much - little) / (len(corpus) - few)
        rows.append(
            {
                "extracted by": where,
                "number": n,
                "start": max(0.0, little - few * per_clip),
                "per_clip": 1000 * per_clip,
                "clips_per_second": len(corpus) / much,
                "times": median[(LOCAL, 1), len(corpus)] / much,
            }
        )
    return pd.DataFrame(rows)


def measure_trees(rows):
    """Boosted trees on noise with a trace of the label: here, on one worker, and spread over two.

    Returns:
        DataFrame: ``trained on, seconds, largest difference`` of a logit, ``AUC`` on rows not trained on.
    """
    import numpy as np
    import pandas as pd
    from distributed import LocalCluster

    from fakeorreal import metrics, scale_out, training
    from fakeorreal.networks.classical import score
    from fakeorreal.systems import get_system

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, rows)
    X = rng.standard_normal((rows, 40)).astype(np.float32) + 0.2 * labels[:, None].astype(np.float32)
    taught, held = Rows(X[: rows // 2], labels[: rows // 2]), (X[rows // 2 :], labels[rows // 2 :])
    found, logits = [], None

    def fit(where):
        nonlocal logits
        start = time.perf_counter()
        fitted = training.fit_classical(get_system("xgboost"), taught, seed=0)
        seconds = time.perf_counter() - start
        scores = score(fitted, held[0])
        logits = scores if logits is None else logits
        difference = np.abs(scores - logits).max()
        auc = metrics.auc(held[1], scores)
        found.append({"trained on": where, "seconds": seconds, "largest difference": difference, "auc": auc})

    fit("this machine")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        scale_out.on_cluster(cluster.scheduler_address),
    ):
        fit("one worker of a cluster")
        usual, scale_out.ROWS = scale_out.ROWS, rows // 4
        fit("two workers, half of the rows each")
        scale_out.ROWS = usual
    return pd.DataFrame(found)


class Rows:
    """What `training.fit_classical` asks of features, in memory."""

    def __init__(self, X, labels):
        self.X, self.labels, self.shape = X, labels, X.shape[1:]

    def __len__(self):
        return len(self.X)

    def rows(self, indices):
        return self.X[indices]


def estimate(measured):
    """Minutes for whole corpora, and the size from which on a cluster is faster than two processes of one machine.

    Args:
        measured: table of `measure_extraction`.

    Returns:
        DataFrame: ``plan``, minutes for each of ``CORPORA`` (start included), and ``pays_from`` (clips, NaN for never);
        a worker is taken to be as fast as one of two on this machine, however many there are.
    """
    import numpy as np
    import pandas as pd

    known = measured.set_index(["extracted by", "number"])
    here, there = known.loc[(LOCAL, 2)], known.loc[(CLUSTER, 2)]
    plans = [("two processes, no cluster", here["start"], here["per_clip"])]
    plans += [(f"{n} workers", there["start"], there["per_clip"] * 2 / n) for n in WORKERS]
    rows = []
    for plan, start, per_clip in plans:
        minutes = {f"{name} (min)": (start + n * per_clip / 1000) / 60 for name, n in CORPORA.items()}
        gain = (here["per_clip"] - per_clip) / 1000
        pays = max(0.0, (start - here["start"]) / gain) if gain > 0 else np.nan
        rows.append({"plan": plan, **minutes, "pays_from": pays})
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; writes no table")
    options = parser.parse_args()
    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    size = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        corpus = make_corpus_of(size["clips"], Path(folder, "clips"))
        extraction = measure_extraction(corpus, size["few"], size["rounds"], Path(folder))
        print(extraction.to_string(index=False, float_format="{:.3g}".format), flush=True)
        trees = measure_trees(size["rows"])
        print(trees.to_string(index=False, float_format="{:.3g}".format), flush=True)
    plans = estimate(extraction)
    print(plans.to_string(index=False, float_format="{:.3g}".format), flush=True)
    if options.quick:
        return
    named = machine("dask", "joblib", "librosa")
    caption = (
        f"Log-mel features of {size['clips']:,} clips of {SECONDS:g} s, decoding and writing included; medians of "
    )
    caption += f"{size['rounds']} rounds in which all take turns. Start: processes, workers and their imports, s; per "
    caption += f"clip in ms. Rows are equal to the bit. Machine: {named}."
    save_table(extraction, "scale_out", options.out, caption)
    caption = (
        f"300 boosted trees on {size['rows'] // 2:,} rows of 40 features. Difference: the largest of a logit from "
    )
    save_table(trees, "scale_out_trees", options.out, caption + f"that of this machine. Machine: {named}.")
    caption = (
        "An estimate: minutes to extract log-mel features, and the number of clips from which on the plan is faster "
        "than two processes of one machine (–: never). Start and seconds per clip are those of `scale_out`; workers "
        "are taken to be as fast as those measured, and the file system to keep up with all of them. "
    )
    save_table(plans, "scale_out_estimate", options.out, caption + f"Machine: {named}.")


if __name__ == "__main__":
    main()
