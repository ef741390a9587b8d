"""Trained systems as judges of any clips, those of another corpus or their own after damage.

Every scoring is kept beside the run of its judge and read from then on, without the model. A model is loaded, or for a
classical system fitted again, when it is first needed.
"""

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
from fakeorreal.machine import machine
from fakeorreal.named_channels import apply_channel

VERSION = 1  # raise when a change here changes scores
KEPT = ("clip", "label", "group", "speaker", "generator", "language", "split")
"""What a scoring holds besides ``score``."""

_BLOCK = 128  # clips held at a time
_ROUNDS = 3  # of which the fastest counts


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
    """

    def __init__(self, system, folder, trained_on, load):
        self.name, self.folder, self.trained_on, self.sr = system.name, folder, trained_on, system.front_end.sr
        self._system, self._load = system, load

    @cached_property
    def _model(self):
        training.quieten()
        return self._load()

    def score(self, clips, waveforms, heard):
        """Scores of clips, rows as `KEPT` and ``score``; of what the front end cannot take there is no row.

        Args:
            clips: table of clips.
            waveforms: float32 arrays, one for each.
            heard: dict of features that judges with the same front end and window share.
        """
        key = (self._system.front_end, self._system.window)
        if key not in heard:
            heard[key] = _Heard(*key, clips, waveforms)
        return training.score_clips(self._system, self._model, heard[key])

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
        self._detector = load_detector(self._weights)
        self.name, self.trained_on, self.sr = "detector", "its own corpora", audio.SAMPLE_RATE
        one = self._detector
        self.folder, self.threshold = runs / "detector" / f"{one.name}-{one.version}-{one.hash}", one.threshold

    def score(self, clips, waveforms, heard):
        """As of `SystemJudge`."""
        rows = []
        for clip, y in zip(clips[list(KEPT)].to_dict("records"), waveforms, strict=True):
            try:
                rows.append({**clip, "score": self._detector.predict(y, sr=self.sr).score})
            except FakeOrRealError as error:
                tqdm.write(f"left out {clip['clip']}: {error}", file=sys.stderr)
        return pd.DataFrame(rows, columns=[*KEPT, "score"])

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
        FakeOrRealError: an unknown condition, or no clip that can be read.
    """
    clips = clips.reset_index(drop=True)
    digest, found = clips_digest(clips), []
    for condition in tqdm(conditions, desc="conditions", disable=len(conditions) < 2):
        paths = {judge: judge.folder / f"on-{condition}-{digest}.csv" for judge in judges}
        waiting = [judge for judge, path in paths.items() if not path.is_file()]
        new = dict(zip(waiting, _scored(waiting, clips, condition) if waiting else [], strict=True))
        for judge, path in paths.items():
            scores = kept(path, partial(new.get, judge))
            found.append(scores.assign(condition=condition, system=judge.name, trained_on=judge.trained_on))
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
    """What ``training.score_clips`` asks of features, for waveforms in memory."""

    def __init__(self, front_end, window, clips, waveforms):
        rows, features = [], []
        for clip, y in zip(clips.to_dict("records"), waveforms, strict=True):
            try:
                pieces = [front_end(piece) for piece in _windows(y, window and round(window * front_end.sr))]
            except FakeOrRealError as error:
                tqdm.write(f"left out {clip['clip']}: {error}", file=sys.stderr)
                continue
            rows += [{**clip, "clip": f"{clip['clip']}#{k}"} for k in range(len(pieces))] if window else [clip]
            features += pieces
        self.corpus = pd.DataFrame(rows, columns=clips.columns)
        self._features = np.array(features, np.float32)

    def __len__(self):
        return len(self.corpus)

    def rows(self, indices):
        return self._features[indices]


def _windows(y, length):
    """As ``corpora.cut_windows`` cuts clips; whole for a length of None."""
    if not length:
        return [y]
    return [y[k * length : (k + 1) * length] for k in range(max(1, int(len(y) / length + 0.5)))]


def _scored(judges, clips, condition):
    """A table for each judge."""
    blocks = []
    for first in range(0, len(clips), _BLOCK):
        waveforms, there = _waveforms(clips[first : first + _BLOCK], condition, judges[0].sr)
        heard = {}
        with threadpool_limits(1):  # small matrices: threads would wait for each other
            blocks.append([judge.score(there, waveforms, heard) for judge in judges] if waveforms else [])
    blocks = [tables for tables in blocks if tables]
    if not blocks:
        raise FakeOrRealError(f"none of {len(clips)} clips can be read. Run `fakeorreal validate` to see why.")
    return [pd.concat(tables, ignore_index=True) for tables in zip(*blocks, strict=True)]


def _waveforms(clips, condition, sr):
    """(waveforms, clips) of those that can be read."""
    waveforms, there = [], []
    for clip in clips.itertuples():
        try:
            y = audio.read(clip.path, sr=sr, start=clip.start, end=clip.end)
            if channel := clip.channel if condition == CLEAN else condition:
                y = apply_channel(y, sr=sr, name=channel, key=clip.clip)
        except FakeOrRealError as error:
            tqdm.write(f"left out {clip.clip}: {error}", file=sys.stderr)
        else:
            waveforms.append(y)
            there.append(clip.Index)
    return waveforms, clips.loc[there]


def _measured(judge, clips):
    waveforms, there = _waveforms(clips.reset_index(drop=True), CLEAN, judge.sr)
    seconds, times = sum(map(len, waveforms)) / judge.sr, []
    for _ in range(1 + _ROUNDS):  # the first loads and compiles
        start = time.process_time()
        with threadpool_limits(1):
            judge.score(there, waveforms, {})
        times.append(time.process_time() - start)
    row = {"parameters": judge.parameters(), "speed": seconds / min(times[1:]), "machine": machine("numpy")}
    return pd.DataFrame([row])
