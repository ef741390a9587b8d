"""Trained systems as judges of any clips, those of another corpus or their own after damage.

Every scoring is kept beside the run of its judge and read from then on, without the model. A model is loaded, or for a
classical system fitted again, when it is first needed.
"""

import contextlib
import hashlib
import json
import math
import sys
import time
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from fakeorreal import audio, training
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.evaluation import CLEAN
from fakeorreal.features.cache import hash_files
from fakeorreal.files import write_atomically
from fakeorreal.hearing import Verdict, Windows, hear, waveform
from fakeorreal.machine import machine

VERSION = 2  # raise when a change here changes scores
KEPT = ("clip", "label", "group", "speaker", "generator", "language", "split")
"""What a scoring holds besides ``score``."""

_ROUNDS = 2  # of which the fastest counts


class SystemJudge:
    """A system of the study.

    Args:
        system: a ``System``.
        folder: of its run.
        trained_on: name of what it was trained on.
        load: function without arguments that gives the Keras model or fitted estimator.

    Attributes:
        name, folder, trained_on: as given or of the system.
        sr: rate of the waveforms that it takes, in Hz.
        ear: what takes them, as in ``hearing``.
    """

    def __init__(self, system, folder, trained_on, load):
        self.name, self.folder, self.trained_on, self.sr = system.name, folder, trained_on, system.front_end.sr
        self.ear = Windows(system.front_end, system.window)
        self._system, self._load = system, load

    @cached_property
    def _model(self):
        training.quieten()
        return self._load()

    def score(self, clips, heard):
        """Scores of clips.

        Args:
            clips: table of clips.
            heard: dict from row labels of it to what ``ear`` heard; of other rows there is no score.

        Returns:
            DataFrame: `KEPT`, score.
        """
        return training.score_clips(self._system, self._model, _Heard(clips, heard, self._system.window))

    def parameters(self):
        """Weights that were trained; None for classical systems."""
        if self._system.kind == "classical":
            return None
        return sum(int(np.prod(weight.shape)) for weight in self._model.trainable_weights)


class DetectorJudge:
    """A frozen detector.

    Args:
        runs: folder of all runs.
        folder: of the detector; None for the one that comes with the package.

    Attributes: as of `SystemJudge`.
    """

    def __init__(self, runs, folder=None):
        self._weights = folder or Path(__file__).parent / "weights"
        self.ear, one = Verdict(self._weights), load_detector(self._weights)
        self.name, self.trained_on, self.sr = "detector", "its own corpora", audio.SAMPLE_RATE
        self.folder, self.threshold = runs / "detector" / f"{one.name}-{one.version}-{one.hash}", one.threshold

    def score(self, clips, heard):
        """As of `SystemJudge`."""
        return clips.loc[list(heard), list(KEPT)].assign(score=list(heard.values()))

    def parameters(self):
        """As of `SystemJudge`, of all its networks."""
        import onnx  # here, for it is needed once

        networks = (onnx.load(path) for path in sorted(Path(self._weights).glob("*.onnx")))
        return sum(math.prod(w.dims) for network in networks for w in network.graph.initializer if w.data_type == 1)


def score(judges, clips, conditions=(CLEAN,)):
    """The scores that judges give whole clips, all of them the same waveforms.

    Args:
        judges: that take one rate.
        clips: table of clips.
        conditions: rungs of ``ladders.RUNGS`` to send every clip through in place of its own channel, or ``CLEAN``.

    Returns:
        DataFrame: `KEPT`, score, condition, system, trained_on; no row for a clip that cannot be read or judged.

    Raises:
        FakeOrRealError: an unknown condition, or a judge that none of the clips can be judged by.
    """
    clips = clips.reset_index(drop=True)
    digest, found = clips_digest(clips), []
    paths = {(judge, name): judge.folder / f"on-{name}-{digest}.csv" for name in conditions for judge in judges}
    waiting = {name: [judge for judge in judges if not paths[judge, name].is_file()] for name in conditions}
    jobs = {name: list(dict.fromkeys(judge.ear for judge in asked)) for name, asked in waiting.items() if asked}
    hearing = hear(clips, list(jobs.items()), sr=judges[0].sr)
    for name in tqdm(conditions, desc="conditions", disable=len(conditions) < 2):
        new = _scored(waiting[name], clips, jobs[name], *next(hearing)) if name in jobs else {}
        for judge in judges:
            scores = kept(paths[judge, name], partial(new.get, judge))
            found.append(scores.assign(condition=name, system=judge.name, trained_on=judge.trained_on))
    return pd.concat(found, ignore_index=True)


def cost(judge, clips):
    """What a judge costs, measured once and kept beside its run.

    Args:
        judge: a judge.
        clips: table of clips to measure on.

    Returns:
        dict: system, ``parameters`` (trained weights; NaN for classical systems), ``speed`` (seconds of
        audio that it judges in a second of one core, front end included), machine.
    """
    table = kept(judge.folder / "cost.csv", partial(_measured, judge, clips))
    return {"system": judge.name, **table.iloc[0]}


def kept(path, compute):
    """A table that is computed once, kept as CSV with 9 significant digits, and then read; an empty cell is NaN."""
    if not path.is_file():
        write_atomically(path, compute().to_csv(index=False, float_format="%.9g", lineterminator="\n").encode())
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def clips_digest(clips):
    """12 hexadecimal digits of what scores of clips depend on: the content of files, and all columns but the path."""
    contents, _ = hash_files(clips["path"].unique())
    rows = clips.drop(columns="path").astype(str).to_numpy().tolist()
    what = [VERSION, [contents.get(path) for path in clips["path"]], rows]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


class _Heard:
    """What ``training.score_clips`` asks of features, for clips that were heard."""

    def __init__(self, clips, heard, window):
        rows = []
        for clip, pieces in zip(clips.loc[list(heard)].to_dict("records"), heard.values(), strict=True):
            rows += [{**clip, "clip": f"{clip['clip']}#{k}"} for k in range(len(pieces))] if window else [clip]
        self.corpus = pd.DataFrame(rows, columns=clips.columns)
        self._features = np.array([piece for pieces in heard.values() for piece in pieces], np.float32)

    def __len__(self):
        return len(self.corpus)

    def rows(self, indices):
        return self._features[indices]


def _scored(judges, clips, ears, heard, reasons):
    """Dict from judge to table."""
    for clip, reason in reasons:
        tqdm.write(f"left out {clip}: {reason}", file=sys.stderr)
    heard = dict(zip(ears, heard, strict=True))
    deaf = [judge.name for judge in judges if not heard[judge.ear]]
    if deaf:
        raise FakeOrRealError(
            f"none of {len(clips)} clips can be judged by {deaf[0]}. Run `fakeorreal validate` to see why."
        )
    with threadpool_limits(1):  # the other processes listen to what comes next
        return {judge: judge.score(clips, heard[judge.ear]) for judge in judges}


def _measured(judge, clips):
    waveforms = {}
    for clip in clips.itertuples():
        with contextlib.suppress(FakeOrRealError):  # those that it does not take are left out
            y = waveform(clip, CLEAN, judge.sr)
            judge.ear(y)
            waveforms[clip.Index] = y
    seconds, times = sum(map(len, waveforms.values())) / judge.sr, []
    for _ in range(1 + _ROUNDS):  # the first loads and compiles
        start = time.process_time()
        with threadpool_limits(1):
            judge.score(clips, {row: judge.ear(y) for row, y in waveforms.items()})
        times.append(time.process_time() - start)
    row = {"parameters": judge.parameters(), "speed": seconds / min(times[1:]), "machine": machine("numpy")}
    return pd.DataFrame([row])
