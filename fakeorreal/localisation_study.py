"""What notebook 10 calls: a localiser on clips of which stretches were made anew.

Every run leaves its scores in ``data/runs``; tables and figures are made from those alone.
"""

import hashlib
import io
import json
import os
import shutil
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from fakeorreal import audio, segments
from fakeorreal.calling import Calling
from fakeorreal.corpora import SPLITS, edited_clips, load_fakesound
from fakeorreal.features import FrameMel, extract
from fakeorreal.files import write_atomically
from fakeorreal.frame_measures import edge_sharpness, frame_level
from fakeorreal.frame_regions import frames_in
from fakeorreal.localizer_training import fit_localizer, score_frames
from fakeorreal.locator import FOLDER, load_locator
from fakeorreal.locator_training import NAME
from fakeorreal.planted_edits import plant
from fakeorreal.workspace import Workspace

RUN_VERSION = 1  # raise when a change here changes scores
BATCH = 8
COLUMNS = ["clip", "label", "test_set", "split", "group", "generator", "speaker", "language"]
"""What a run keeps of the table of clips."""


class Budget(NamedTuple):
    """How much of the study a profile runs.

    Attributes:
        pairs: of the embedded corpus, as ``edited_clips.PAIRS``; None for those.
        sources: of each test set, and of training and validation; None for all.
        epochs: of a training.
        seeds: one training each.
        seconds: of the recording that edits are planted in.
    """

    pairs: dict | None
    sources: int | None
    epochs: int
    seeds: tuple
    seconds: float


BUDGETS = {
    "smoke": Budget(dict.fromkeys(edited_clips.PAIRS, (4, 0)), 4, 1, (0,), 30.0),
    "demo": Budget(None, None, 4, (0,), 600.0),
    "full": Budget(None, None, 40, (0, 1, 2, 3, 4), 600.0),
}


class Run(NamedTuple):
    """What one training says of validation and testing.

    Attributes:
        seed: of the training; None of the shipped localiser.
        clips: table: clip, label, test_set, split, group, generator, speaker, language, seconds, score (the logit of
            fake of the clip head), n_training.
        frames: dict from clip to float32 logits of fake of its frames.
    """

    seed: int | None
    clips: pd.DataFrame
    frames: dict


class LocalisationStudy(Workspace):
    """Where is the edit?

    Args:
        profile: as in ``Workspace``.
        data: folder of FakeSound, or one in its layout such as ``fakeorreal manipulate`` writes; None for
            FAKEORREAL_FAKESOUND, else the embedded edited clips, which are built where they are not there.

    Attributes:
        corpus, regions: as from ``load_fakesound``.
        corpus_name: ``edited-clips`` (embedded) or ``FakeSound``.
        budget: the ``Budget`` of the profile.

    Raises:
        FakeOrRealError: unknown profile, or no data.
    """

    def __init__(self, profile=None, data=None):
        super().__init__(profile)
        given = data or os.environ.get("FAKEORREAL_FAKESOUND")
        self.budget = BUDGETS[self.profile.name]
        self.name_corpus("FakeSound" if given else "edited-clips", embedded=not given)
        corpus, self.regions = load_fakesound(given or self._build())
        self.corpus = _first_sources(corpus, self.budget.sources)
        self._features = {}

    def features(self, split):
        """``Features`` of ``FrameMel`` of one split."""
        if split not in self._features:
            clips = self.corpus[self.corpus["split"] == split]
            self._features[split] = extract(clips, FrameMel(), self.features_folder)
        return self._features[split]

    def run(self):
        """Train and score a localiser for every seed, or read what earlier runs left: list of ``Run``."""
        return [self._read(self.run_folder(seed), seed) for seed in tqdm(self.budget.seeds, desc="runs", unit="run")]

    def shipped(self):
        """What the localiser that comes with the package says of the same clips, with nothing chosen on them.

        Returns:
            (run, calling): a ``Run``, in which the score of a clip is that of its highest frame, and the ``Calling``
            that it was frozen with.
        """
        locator = load_locator(FOLDER)
        clips = self.corpus[self.corpus["split"] != "training"].sort_values("split", ascending=False, kind="stable")
        what = [RUN_VERSION, locator.hash, clips[["clip", "end"]].to_csv(), self.regions.to_csv()]
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
        folder = self.runs / f"shipped-{NAME}" / f"{self.corpus_name}-{key}"
        if not (folder / "clips.csv").is_file():
            frames = {
                row.clip: locator.locate(row.path).scores
                for row in tqdm(clips.itertuples(), total=len(clips), desc="shipped", unit="clip")
            }
            scores = clips["clip"].map(segments.clip_scores(frames))
            _save(folder, frames, clips[COLUMNS].assign(seconds=clips["end"] - clips["start"], score=scores))
        calling = Calling(locator.threshold, **locator.regions, f1=np.nan, f1_event=np.nan)
        return self._read(folder, None), calling

    def curves(self):
        """The logs of the trainings: seed, and the columns of ``fit_localizer``'s history."""
        logs = [pd.read_csv(self.run_folder(seed) / "history.csv").assign(seed=seed) for seed in self.budget.seeds]
        return pd.concat(logs, ignore_index=True)

    def run_folder(self, seed):
        """Folder of a finished run; what is not there yet is computed. ``clips.csv`` is written last."""
        features = [self.features(split) for split in SPLITS]
        what = [RUN_VERSION, self.budget.epochs, BATCH, self.profile.threads, FrameMel().config()]
        what += [self.regions.to_csv(), *(of_split.digest for of_split in features)]
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
        folder = self.runs / NAME / f"{self.corpus_name}-seed{seed}-{key}"
        if not (folder / "clips.csv").is_file():
            self._compute(seed, folder, *features)
        return folder

    def levels(self):
        """Level of the frames of validation and testing, dB below the loudest point: dict from clip to shape (frames,).

        What a baseline without a network goes by.
        """
        return {
            clip: frame_level(features.rows([k])[0])[: frames_in(end)]
            for features in map(self.features, SPLITS[1:])
            for k, (clip, end) in enumerate(zip(features.corpus["clip"], features.corpus["end"], strict=True))
        }

    def edges(self):
        """The fake regions of testing: clip, start, end, method, test_set, and ``sharpness`` of the edges."""
        features, found = self.features("testing"), []
        clips = features.corpus.set_index("clip")
        for clip, rows in self.regions[self.regions["clip"].isin(clips.index)].groupby("clip"):
            (picture,) = features.rows([clips.index.get_loc(clip)])
            sharpness = edge_sharpness(picture[: int(clips.loc[clip, "end"] * 100)], rows[["start", "end"]].to_numpy())
            found.append(rows.assign(test_set=clips.loc[clip, "test_set"], sharpness=sharpness))
        return pd.concat(found, ignore_index=True)

    def example_panels(self, chosen, called):
        """What ``localisation_figures.examples`` draws of testing clips.

        Args:
            chosen: dict from title to clip.
            called: the ``localisation_report.Called`` of a run.
        """
        features, panels = self.features("testing"), []
        for title, clip in chosen.items():
            (k,) = np.flatnonzero(features.corpus["clip"] == clip)
            (rows,) = features.rows([k])
            spans = [table.loc[table["clip"] == clip, ["start", "end"]] for table in (self.regions, called.found)]
            rows = rows[: int(features.corpus["end"][k] * 100)]
            panels.append((title, rows, called.frames[clip], *(of_clip.to_numpy() for of_clip in spans)))
        return panels

    def planted(self):
        """A long recording of real testing clips, speech first, with a few edits; see ``planted_edits.plant``."""
        real = self.corpus[(self.corpus["split"] == "testing") & (self.corpus["label"] == 0)]
        paths = real.drop_duplicates("path").sort_values("language", key=lambda names: names == "none", kind="stable")
        clips = (audio.read(path, sr=audio.SAMPLE_RATE) for path in paths["path"])
        return plant(clips, seconds=self.budget.seconds, key=f"planted-{self.corpus_name}")

    def _build(self):
        folder = self.home / "data" / ("edited-clips-smoke" if self.budget.pairs else "edited-clips")
        edited_clips.build(folder, pairs=self.budget.pairs)
        return folder

    def _compute(self, seed, folder, training, validation, testing):
        model, history = fit_localizer(
            {}, training, validation, self.regions, epochs=self.budget.epochs, seed=seed, folder=folder, batch=BATCH
        )
        tables, frames = [], {}
        for features in (validation, testing):
            of_clips, clips = score_frames(model, features)
            frames |= of_clips
            corpus = features.corpus
            tables.append(corpus[COLUMNS].assign(seconds=corpus["end"] - corpus["start"], score=clips.to_numpy()))
        _write_csv(history, folder / "history.csv")
        _save(folder, frames, pd.concat(tables).assign(n_training=len(training)))
        shutil.rmtree(folder / "state", ignore_errors=True)

    def _read(self, folder, seed):
        clips = pd.read_csv(folder / "clips.csv", keep_default_na=False)
        with np.load(folder / "frames.npz", allow_pickle=False) as file:
            frames = np.split(file["scores"], np.cumsum(file["lengths"])[:-1])
        return Run(seed, clips, dict(zip(clips["clip"], frames, strict=True)))


def _first_sources(corpus, count):
    """The clips of the first so many sources of each set; all for None."""
    if count is None:
        return corpus
    number = corpus.groupby(["split", "test_set"])["group"].transform(lambda group: pd.factorize(group)[0])
    return corpus[number < count].reset_index(drop=True)


def _save(folder, frames, clips):
    """Write the scores of a run, those of clips last."""
    folder.mkdir(parents=True, exist_ok=True)
    array = io.BytesIO()
    np.savez(array, scores=np.concatenate([*frames.values()]), lengths=[len(scores) for scores in frames.values()])
    write_atomically(folder / "frames.npz", array.getvalue())
    _write_csv(clips, folder / "clips.csv")


def _write_csv(table, path):
    write_atomically(path, table.to_csv(index=False, float_format="%.9g", lineterminator="\n").encode())
