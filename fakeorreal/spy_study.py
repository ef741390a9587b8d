"""What notebook 08 calls: the CNN and the transformers of AI-SPY, on the same clips; see ``corpus_study``."""

import os
import statistics
import time

import keras
import numpy as np
import pandas as pd

from fakeorreal import attention, audio, experiments
from fakeorreal.corpora import SPLITS, load_folder
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.corpus_study import CorpusStudy
from fakeorreal.files import write_atomically
from fakeorreal.machine import machine
from fakeorreal.multiply_adds import multiply_adds
from fakeorreal.named_channels import CONDITIONS
from fakeorreal.networks import build_network
from fakeorreal.systems import get_system

CHANNELS = (*CONDITIONS, "room")
"""What every testing clip is sent through besides; ``room`` is a reverberation of 0.1 to 0.6 s."""

PARTS = (1 / 9, 1 / 3)
"""Of the training rows, for the learning curves."""

ROUNDS = 3  # of which the median time is taken


class SpyStudy(CorpusStudy):
    """CNN against vision transformer.

    Args:
        profile: as in ``Workspace``.
        data: folder as `load_folder` takes it, such as one that ``fakeorreal prepare`` wrote; None for FAKEORREAL_SPY,
            else for-norm as ``Study`` finds it: that of the embedded corpus, or of FAKEORREAL_DATA.

    Attributes:
        corpus: the table of clips.
        corpus_name: ``prompts`` (embedded), ``FoR``, or ``recordings`` for a folder.

    Raises:
        FakeOrRealError: unknown profile, or no data.
    """

    def __init__(self, profile=None, data=None):
        super().__init__(profile)
        given = data or os.environ.get("FAKEORREAL_SPY")
        if given:
            self.use(load_folder(given), "recordings")
        else:
            self.use_for_norm()

    def run_folder(self, name, seed, *, cap=None):
        """Folder of a run, see ``experiments.run_folder``; channels are scored by runs on all rows of the budget."""
        scored = ("validation", "testing", *(() if cap else CHANNELS))
        return self._run_folder(
            name,
            seed,
            self.features(name, "training", cap=cap),
            [self.features(name, split) for split in scored],
            self.corpus_name,
        )

    def learning(self, *names):
        """Scores of systems trained on parts of the training rows and on all of them.

        Returns:
            DataFrame as from `run`, and ``hours``: of training audio, of one class.
        """
        found = []
        for name, seed in self._each(names, "learning curves"):
            n = len(self.features(name, "training")) // 2
            for cap in (*sorted({max(1, round(part * n)) for part in PARTS}), None):
                training = self.features(name, "training", cap=cap).corpus
                scores = self._scores(self.run_folder(name, seed, cap=cap), name, seed)
                found.append(scores.assign(hours=(training["end"] - training["start"]).sum() / 7200))
        found = pd.concat(found, ignore_index=True)
        return found[found["split"].isin(SPLITS)].reset_index(drop=True)

    def misclassified(self, name):
        """Testing clips on the wrong side of the threshold of validation, first seed; see ``experiments``."""
        table = pd.read_csv(self.run_folder(name, self.profile.budget(name).seeds[0]) / "misclassified.csv")
        return table[table["split"] == "testing"].reset_index(drop=True)

    def costs(self, *names):
        """What a clip costs: system, ``parameters`` (trained ones) and ``multiply_adds``; nothing has to be trained."""
        rows = []
        for name in names:
            system = get_system(name)
            network = build_network(system.network or name, system.front_end.shape, **system.options)
            parameters = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
            rows.append({"system": name, "parameters": parameters, "multiply_adds": multiply_adds(network)})
        return pd.DataFrame(rows)

    def speed(self, *names):
        """Seconds per hour of audio, measured once beside the run of the first seed and read from then on.

        Returns:
            DataFrame: ``system, training`` (altering, front end, step; one epoch), ``scoring`` (front end, network),
            ``machine``.
        """
        found = []
        for name in names:
            path = self.run_folder(name, self.profile.budget(name).seeds[0]) / "speed.csv"
            if not path.is_file():
                write_atomically(path, pd.DataFrame([self._measure(name)]).to_csv(index=False).encode())
            found.append(pd.read_csv(path))
        return pd.concat(found, ignore_index=True)

    def _measure(self, name):
        system, budget = get_system(name), self.profile.budget(name)
        path = self.run_folder(name, budget.seeds[0]) / f"epoch-{budget.marks[-1]}.keras"
        model, features = keras.models.load_model(path, safe_mode=True), self.features(name, "training")
        rows = np.arange(min(system.batch, len(features)))
        labels = features.labels[rows].astype("float32")[:, None]
        times = {"training": [], "scoring": []}
        for k in range(1 + ROUNDS):  # the first compiles
            start = time.perf_counter()
            model.train_on_batch(features.altered(rows, seed=0, epoch=k), labels)
            between = time.perf_counter()
            model.predict_on_batch(features.rows(rows))
            times["training"].append(between - start)
            times["scoring"].append(time.perf_counter() - between)
        hours = len(rows) * system.window / 3600
        seconds = {work: statistics.median(values[1:]) / hours for work, values in times.items()}
        return {"system": name, **seconds, "machine": machine("keras", "tensorflow-cpu", "numpy")}

    def examples(self, name):
        """The real and the fake testing clip that a system is surest of, rightly: rows of the corpus, real first."""
        scores = experiments.read_scores(self.run_folder(name, self.profile.budget(name).seeds[0]))
        testing = scores[(scores["split"] == "testing") & (scores["epochs"] == scores["epochs"].max())]
        score = testing.set_index("clip")["score"]
        clips = [score[testing["label"].to_numpy() == label] for label in (REAL, FAKE)]
        return self.corpus.set_index("clip", drop=False).loc[[clips[0].idxmin(), clips[1].idxmax()]]

    def maps(self, examples, *, looks, hides):
        """The first window of clips, where a transformer looks, and what hiding a patch does to scores.

        Args:
            examples: rows of the corpus.
            looks: name of the transformer whose attention is rolled out.
            hides: names of the systems whose scores are taken; what is hidden gets the mean of training.

        Returns:
            list of (generator, label, levels in dB, dict name → (map, unit)), for ``spy_figures.where_they_look``.
        """
        front_end = get_system(looks).front_end
        clips = [audio.read(row.path, sr=front_end.sr, start=row.start, end=row.end) for row in examples.itertuples()]
        x = np.stack([front_end(y) for y in clips])
        maps = {f"{looks}: attention": (attention.rollout(self.model(looks), x), "share")}
        for name in hides:
            model = self.model(name)
            baseline = float(np.ravel(model.get_layer(index=1).mean)[0])
            maps[f"{name}: lost by hiding"] = attention.masking_map(model, x, baseline=baseline), "logit"
        return [
            (row.generator, row.label, x[k, ..., 0], {name: (found[k], unit) for name, (found, unit) in maps.items()})
            for k, row in enumerate(examples.itertuples())
        ]

    def _clips(self, split):
        """Of a channel: testing after it, as a split of that name."""
        if split not in CHANNELS:
            return self.corpus
        return self.corpus[self.corpus["split"] == "testing"].assign(split=split, channel=split)
