"""Clips as judges take them: read, sent through a channel and through front ends, in worker processes."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import joblib

from fakeorreal import audio
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.evaluation import CLEAN
from fakeorreal.named_channels import apply_channel
from fakeorreal.scale_out import single_threaded

_BLOCK = 16  # clips of a job


@dataclass(frozen=True)
class Windows:
    """A waveform as a system of the study takes it.

    Args:
        front_end: of the system.
        window: of the system, in seconds; None for whole clips.
    """

    front_end: object
    window: float | None

    def __call__(self, y):
        """Features of each window, cut as ``corpora.cut_windows`` cuts clips: list of float32 arrays."""
        if not self.window:
            return [self.front_end(y)]
        length = round(self.window * self.front_end.sr)
        return [self.front_end(y[k * length : (k + 1) * length]) for k in range(max(1, int(len(y) / length + 0.5)))]


@dataclass(frozen=True)
class Verdict:
    """A 16-kHz waveform as a frozen detector scores it.

    Args:
        folder: of the detector.
    """

    folder: Path

    def __call__(self, y):
        """The score, a logit of fake."""
        return _detector(self.folder).predict(y, sr=audio.SAMPLE_RATE).score


@lru_cache(maxsize=1)
def _detector(folder):
    return load_detector(folder)


def hear(clips, jobs, *, sr):
    """What every clip sounds like to some ears, job by job.

    Args:
        clips: table of clips.
        jobs: list of (condition, ears); a condition is a rung of ``ladders.RUNGS`` that takes the place of a clip's own
            channel, or ``CLEAN``; ears are `Windows` or `Verdict`.
        sr: rate of all waveforms in Hz.

    Yields:
        for each job (heard, reasons): a list with, for each of its ears, a dict from row label of ``clips`` to what it
        heard; and a list of (name of clip, why it was left out).
    """
    blocks = [clips[first : first + _BLOCK] for first in range(0, len(clips), _BLOCK)]
    calls = (joblib.delayed(_hear_block)(block, condition, ears, sr) for condition, ears in jobs for block in blocks)
    with single_threaded():
        pool = joblib.Parallel(-1, return_as="generator")
    found = iter(pool(calls))
    for _, ears in jobs:
        heard, reasons = [{} for _ in ears], []
        for _ in blocks:
            of_block, why = next(found)
            for whole, part in zip(heard, of_block, strict=True):
                whole |= part
            reasons += why
        yield heard, reasons


def waveform(clip, condition, sr):
    """float32, shape (n,): a clip, a row of a table, under a condition as in `hear`."""
    y = audio.read(clip.path, sr=sr, start=clip.start, end=clip.end)
    channel = clip.channel if condition == CLEAN else condition
    return apply_channel(y, sr=sr, name=channel, key=clip.clip) if channel else y


def _hear_block(clips, condition, ears, sr):
    heard, reasons = [{} for _ in ears], []
    for clip in clips.itertuples():
        try:
            y = waveform(clip, condition, sr)
        except FakeOrRealError as error:
            reasons.append((clip.clip, str(error)))
            continue
        for of_ear, ear in zip(heard, ears, strict=True):
            try:
                of_ear[clip.Index] = ear(y)
            except FakeOrRealError as error:
                reasons.append((clip.clip, str(error)))
    return heard, reasons
