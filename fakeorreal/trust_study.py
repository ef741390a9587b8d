"""What notebook 11 calls: every system of the other notebooks, asked what those did not ask.

Runs come from ``data/runs``, and what is missing is computed. Every new scoring is kept beside the run that it asks;
tables and figures are made from those alone.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import keras
import numpy as np
import pandas as pd

from fakeorreal import corpus_checks, experiments, left_out, report, source_tracing, training
from fakeorreal.corpora import SPLITS, prompts, subsample
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.cross_scores import KEPT, DetectorJudge, SystemJudge, clips_digest, cost, kept, score
from fakeorreal.evaluation import CLEAN
from fakeorreal.features import SpectralTexture, extract
from fakeorreal.fingerprints import HUMAN
from fakeorreal.generator_study import GeneratorStudy
from fakeorreal.networks import classical
from fakeorreal.spy_study import SpyStudy
from fakeorreal.study import Study
from fakeorreal.systems import FOR_SYSTEMS, SPY_SYSTEMS, WILD_SYSTEMS, get_system
from fakeorreal.trust_amounts import AMOUNTS
from fakeorreal.wild_study import WildStudy
from fakeorreal.workspace import Workspace

_FIRST = ("custom_cnn", "dnn", "xgboost")
CARRIED = (*_FIRST, *(name for name in FOR_SYSTEMS if name not in (*_FIRST, "custom_cnn_published")))
"""What is carried from version to version: all that is trained on each. On the ladders it is that of for-norm."""

DEALT = {"sentence": "group", "clip": "clip"}
"""How clips are dealt at random, and the column of what is dealt whole."""

_DRAW = 1  # seed of samples
_ON_GENERATORS = ("lcnn_lfcc", "dcnn_haar")
_KNOWN = "vocoder of training"
_FOLDED = "xgboost"  # refitted for every value that is left out
_SEEN = ("group", "speaker", "generator")
_NORM, _CUT = "for-norm", "for-2sec"


@dataclass(frozen=True)
class Asked:
    """A judge and its own clips.

    Attributes:
        judge: as in ``cross_scores``.
        seed: of its run.
        testing: table of clips, within the amount of the profile.
        clean: its scores of validation clips, by which its threshold is chosen, and of testing clips as they are:
            all that its run holds.
        corpus: where the clips are from, in words.
    """

    judge: object
    seed: int
    testing: pd.DataFrame
    clean: pd.DataFrame
    corpus: str


class TrustStudy(Workspace):
    """Audit, robustness, generalisation.

    Args:
        profile: as in ``Workspace``. Every corpus is found as the notebook that trains on it does.

    Attributes:
        study: the ``Study`` on the versions of FoR.
        amount: the ``trust_amounts.Amount`` of the profile.
        corpus_name: of the versions of FoR.

    Raises:
        FakeOrRealError: as the studies.
    """

    def __init__(self, profile=None):
        super().__init__(profile)
        self.study, self.amount = Study(self.profile.name), AMOUNTS[self.profile.name]
        self.name_corpus(self.study.corpus_name, embedded=self.study.corpus_name == "prompts")
        self.datasets = self.profile.budget(CARRIED[0]).datasets

    # Corpora

    def audits(self):
        """Dict version → (``audit.Audit`` of its clips, or of a sample, and the clips that were asked for)."""
        found = {}
        for name in self.datasets:
            corpus = self.study.corpus(name)
            parts = [corpus[corpus["split"] == split] for split in ("training", "testing")]
            sample = pd.concat([_draw(part[part["channel"] == ""], self.amount.audited) for part in parts])
            found[name] = corpus_checks.kept_audit(sample, self.runs / "audits")
        return found

    def duplicates(self):
        """Dict version → (clips, pairs): those that were compared, and ``Duplicates.pairs`` of them."""
        found = {}
        for name in self.datasets:
            corpus = self.study.corpus(name)
            groups = np.random.default_rng(_DRAW).permutation(corpus["group"].unique())[: self.amount.compared]
            clips = corpus[corpus["group"].isin(groups) & (corpus["channel"] == "")]
            found[name] = clips, corpus_checks.kept_pairs(clips, self.runs / "duplicates", self.features_folder)
        return found

    # Splits

    def splits(self):
        """The same systems on the same clips, split as they officially are, and dealt anew at random.

        Networks are scored at the first mark of the budget, every system with its first seed.

        Returns:
            DataFrame as from ``Study.run``, and ``split_by`` (official, sentence or clip: what was dealt);
            ``seen_group``, ``seen_speaker``, ``seen_generator``: whether training held another clip of the same.
        """
        found = []
        for name in self.amount.retrained:
            mark, seed = self.profile.budget(name).marks[0], self.profile.budget(name).seeds[0]
            scores = self.study.scores(name, _CUT, seed)
            runs = {"official": (scores, self.study.features(name, _CUT, "training").corpus)}
            runs |= {word: self._dealt_run(name, word, seed) for word in DEALT}
            for split_by, (scores, clips) in runs.items():
                scores = scores[scores["epochs"].isna() | (scores["epochs"] == mark)]
                seen = {f"seen_{column}": scores[column].isin(clips[column]) for column in _SEEN}
                found.append(scores.assign(split_by=split_by, system=name, seed=seed, **seen))
        return pd.concat(found, ignore_index=True)

    def _dealt_run(self, name, word, seed):
        """(scores, training clips) of a run on clips dealt anew."""
        system, budget = get_system(name), self.profile.budget(name)
        corpus = _dealt(self.study.corpus(_CUT), DEALT[word])
        fitted_on, *scored = (
            experiments.split_features(system, corpus, split, cap=cap, folder=self.features_folder)
            for split, cap in zip(SPLITS, (budget.training, budget.scoring, budget.scoring), strict=True)
        )
        folder = experiments.run_folder(
            system,
            fitted_on,
            scored,
            marks=budget.marks[:1],
            seed=seed,
            threads=self.profile.threads,
            runs=self.runs,
            name=f"{_CUT}-by-{word}",
        )
        return experiments.read_scores(folder), fitted_on.corpus

    def left_out(self):
        """Every generator and every language left out of training, see ``left_out.leave_one_out``."""
        features = [self.study.features(_FOLDED, _NORM, split) for split in SPLITS]
        corpus = pd.concat([part.corpus for part in features], ignore_index=True)

        def compute(column):
            rows = np.concatenate([part.rows(np.arange(len(part))) for part in features])
            return left_out.leave_one_out(corpus, rows, _fit, column)

        digest = "-".join([str(left_out.VERSION), *(part.digest[:6] for part in features)])
        folder = self.runs / _FOLDED
        return pd.concat(
            [kept(folder / f"left-out-{name}-{digest}.csv", partial(compute, name)) for name in left_out.COLUMNS],
            ignore_index=True,
        )

    # Systems

    def benchmark(self, dataset=_NORM):
        """Scores of all systems of the benchmark on a version, as from ``Study.run``."""
        names = [name for name in FOR_SYSTEMS if dataset in self.profile.budget(name).datasets]
        return pd.concat(
            [self.study.scores(name, dataset, seed) for name in names for seed in self.profile.budget(name).seeds],
            ignore_index=True,
        )

    @cached_property
    def asked(self):
        """The systems that are sent up the ladders, each with its own clips: list of `Asked`."""
        return [*map(self._of_for, CARRIED), *self._of_generators(), *self._of_others(), self._detector]

    def robustness(self):
        """Scores of all systems on their own clips, clean and damaged.

        Returns:
            DataFrame as ``robustness_report.ladder_table`` takes it.
        """
        together, found = {}, []
        for one in self.asked:
            validation = one.clean[one.clean["split"] == "validation"]
            found.append(validation.assign(condition=CLEAN, system=one.judge.name, seed=one.seed))
            together.setdefault(tuple(one.testing["clip"]), []).append(one)
        for those in together.values():
            scores = score([one.judge for one in those], those[0].testing, (CLEAN, *self.amount.rungs))
            found.append(scores.assign(seed=scores["system"].map({one.judge.name: one.seed for one in those})))
        columns = [*KEPT, "score", "condition", "system", "seed"]
        return pd.concat([table[columns] for table in found], ignore_index=True)

    def clean(self):
        """Scores of the same systems on all clips of their runs, as they are: `cross_scores.KEPT`, score, system."""
        found = [one.clean.assign(system=one.judge.name)[[*KEPT, "score", "system"]] for one in self.asked]
        return pd.concat(found, ignore_index=True)

    def matrix(self):
        """Systems trained on each version, and those trained elsewhere, tested on each and on whole vocoded prompts.

        for-combined is tested on the clips of its parts.

        Returns:
            DataFrame: ``KEPT``, score, system, trained_on, tested_on.
        """
        judges = [self._judge(name, dataset) for dataset in self.datasets for name in CARRIED]
        judges += [one.judge for one in self.asked if one.judge.name not in CARRIED]
        parts = [name for name in self.datasets if name != "for-combined"]
        clips = {name: _testing(self.study.corpus(name), self.amount.crossed) for name in parts}
        clips[self._generators.corpus_name] = self._utterances()
        *found, others = (score(judges, table).assign(tested_on=name) for name, table in clips.items())
        if len(parts) < len(self.datasets):
            found += [table.assign(tested_on="for-combined") for table in found]
        return pd.concat([*found, others], ignore_index=True)

    def costs(self):
        """Parameters and speed of every system that has a run, see ``cross_scores.cost``: DataFrame."""
        clips = _testing(self.study.corpus(_NORM), 4)
        judges = [self._judge(name, self.profile.budget(name).datasets[0]) for name in FOR_SYSTEMS]
        for study, names in self._own_studies():
            judges += [self._judge_of(study, name) for name in names]
        judges += [one.judge for one in self.asked if one.judge.name in (*_ON_GENERATORS, "detector")]
        return pd.DataFrame([cost(judge, clips) for judge in judges])

    @property
    def threshold(self):
        """Of the shipped detector, as it comes."""
        return self._detector.judge.threshold

    def board(self):
        """Scores of every system on the testing clips of its own notebook, and validation; as from ``Study.run``.

        ``dataset`` is a version of FoR, another corpus, or the vocoded prompts: a vocoder that training held, or those
        that it did not.
        """
        found = [self.benchmark(dataset) for dataset in self.datasets]
        for study, names in self._own_studies():
            found.append(study.run(*names).assign(dataset=self._own_corpus(study)))
        scores = self._generators.run(*self._run_at_all(_ON_GENERATORS))
        known = scores["generator"].isin([*scores["trained_on"].unique(), HUMAN])
        real = scores["label"] == REAL
        for name, rows in ((_KNOWN, known), ("other vocoders", ~known | real)):
            rows |= scores["split"] == "validation"
            found.append(scores[rows].assign(dataset=f"{self._generators.corpus_name}, {name}"))
        return pd.concat(found, ignore_index=True)

    def source_scores(self):
        """Which generator made a fake of for-norm, see ``source_tracing.score_sources``."""
        corpus = self.study.corpus(_NORM)
        fakes = _draw(corpus[corpus["label"] == FAKE], self.amount.traced)

        def compute():
            return source_tracing.score_sources([extract(fakes, SpectralTexture(), self.features_folder)])

        return kept(self.runs / "sources" / f"{_NORM}-{clips_digest(fakes)}.csv", compute)

    def voices(self, name):
        """Scores of one run on for-norm, with the gender of the voices where the embedded corpus states it."""
        seed = self.profile.budget(name).seeds[0]
        scores = pd.concat(report.one_run(self.study.scores(name, _NORM, seed), name, _NORM))
        genders = prompts.GENDERS if self.corpus_name == "prompts" else {}
        return scores.assign(gender=scores["speaker"].map(genders).fillna(""))

    # Where judges come from

    @cached_property
    def _spy(self):
        return SpyStudy(self.profile.name)

    @cached_property
    def _wild(self):
        return WildStudy(self.profile.name)

    @cached_property
    def _generators(self):
        return GeneratorStudy(self.profile.name)

    def _run_at_all(self, names):
        return [name for name in names if self.profile.budget(name).seeds]

    def _own_corpus(self, study):
        return _NORM if study.corpus_name == self.corpus_name else study.corpus_name

    def _judge(self, name, dataset):
        system, budget = get_system(name), self.profile.budget(name)
        seed = budget.seeds[0]
        folder = self.study.run_folder(name, dataset, seed)

        def load():
            if system.kind == "classical":
                return training.fit_classical(system, self.study.features(name, dataset, "training"), seed=seed)
            return keras.models.load_model(folder / f"epoch-{budget.marks[-1]}.keras", safe_mode=True)

        return SystemJudge(system, folder, dataset, load)

    def _of_for(self, name):
        seed = self.profile.budget(name).seeds[0]
        clean = pd.concat(report.one_run(self.study.scores(name, _NORM, seed), name, _NORM))
        testing = _testing(self.study.corpus(_NORM), self.amount.damaged)
        return Asked(self._judge(name, _NORM), seed, testing, clean, _NORM)

    def _of_generators(self):
        study = self._generators
        generator = study.generators[0]
        testing = study.frames("testing", [generator], self.amount.damaged)
        for name in self._run_at_all(_ON_GENERATORS):
            seed = self.profile.budget(name).seeds[0]
            scores = study.run(name).assign(dataset=generator)
            scores = scores[scores["generator"].isin([generator, HUMAN])]
            clean = pd.concat(report.one_run(scores, name, generator))
            folder = study.run_folder(name, generator, seed)
            judge = SystemJudge(study.system(name), folder, generator, partial(study.model, name, generator))
            yield Asked(judge, seed, testing, clean, f"{study.corpus_name}, {_KNOWN}")

    def _own_studies(self):
        """(study, names of its systems that are run) of those on one corpus."""
        return [(self._spy, self._run_at_all(SPY_SYSTEMS)), (self._wild, self._run_at_all(WILD_SYSTEMS))]

    def _judge_of(self, study, name):
        folder = study.run_folder(name, self.profile.budget(name).seeds[0])
        return SystemJudge(get_system(name), folder, self._own_corpus(study), partial(study.model, name))

    def _of_others(self):
        for study, names in self._own_studies():
            corpus, testing = self._own_corpus(study), _testing(study.corpus, self.amount.damaged)
            for name in names:
                clean = pd.concat(report.one_run(study.run(name).assign(dataset=corpus), name, corpus))
                seed = self.profile.budget(name).seeds[0]
                yield Asked(self._judge_of(study, name), seed, testing, clean, corpus)

    @cached_property
    def _detector(self):
        corpus, judge = self.study.corpus(_NORM), DetectorJudge(self.runs)
        samples = (_draw(corpus[corpus["split"] == split], self.amount.crossed) for split in SPLITS[1:])
        clean = pd.concat([score([judge], sample) for sample in samples], ignore_index=True)
        return Asked(judge, 0, _testing(corpus, self.amount.damaged), clean, _NORM)

    def _utterances(self):
        """Whole testing utterances of the generator study, whose frames lie end to end."""
        frames = self._generators.corpus
        whole = frames[frames["split"] == "testing"].drop_duplicates("path").assign(start=0.0, end=np.nan)
        return _draw(whole, self.amount.crossed)


def _draw(clips, per_class):
    return subsample(clips, per_class, _DRAW) if per_class else clips


def _testing(corpus, per_class):
    return _draw(corpus[corpus["split"] == "testing"], per_class)


def _dealt(corpus, column):
    """The clips, their splits dealt anew by the values of a column; as many clips to each, give or take one value."""
    sizes = corpus[column].value_counts(sort=False).sort_index()
    sizes = sizes.iloc[np.random.default_rng(_DRAW).permutation(len(sizes))]
    ends = corpus["split"].value_counts().reindex(SPLITS[::-1]).cumsum()
    places = np.searchsorted(ends, sizes.cumsum() - sizes, side="right")
    return corpus.assign(split=corpus[column].map(dict(zip(sizes.index, ends.index[places], strict=True))))


def _fit(rows, labels):
    # A few hundred rows: more threads would wait for each other.
    estimator = classical.CLASSICAL[_FOLDED](0).set_params(n_jobs=1).fit(rows, labels)
    return partial(classical.score, estimator)
