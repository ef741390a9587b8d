"""What notebook 07 calls: train on real speech and one generator, test on every generator (gan-police).

As in ``study``, every run leaves its scores in ``data/runs``; tables and figures are made from those alone.
"""

import os
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from fakeorreal import audio, experiments, explain
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora import load_wavefake, subsample, vocoded_prompts
from fakeorreal.corpora.corpus import REAL
from fakeorreal.features import extract
from fakeorreal.fingerprints import HUMAN
from fakeorreal.systems import get_system
from fakeorreal.workspace import Workspace

RATE_OF_WAVEFAKE = 22050
UTTERANCES = (95, 25, 45)
"""Of the embedded corpus: training, validation, testing."""


class GeneratorStudy(Workspace):
    """Generators side by side, on the same utterances.

    Args:
        profile: as in ``Workspace``.
        data: folder in WaveFake's layout; None for FAKEORREAL_WAVEFAKE, else the embedded prompts and their vocoded
            copies, which are built if need be.

    Attributes:
        corpus: frames of all generators, see ``corpora.load_wavefake``.
        sr: rate in Hz: 16,000 for the embedded corpus, 22,050 for others.
        generators: names of the fakes, in the order of their folders.
        corpus_name: ``vocoded-prompts`` (embedded) or ``WaveFake``.

    Raises:
        FakeOrRealError: unknown profile, or no data.
    """

    def __init__(self, profile=None, data=None):
        super().__init__(profile)
        given = data or os.environ.get("FAKEORREAL_WAVEFAKE")
        root = Path(given) if given else self.home / "data" / "vocoded-prompts"
        if not given:
            vocoded_prompts.build(root, utterances=UTTERANCES)
        self.corpus = load_wavefake(root)
        self.generators = list(self.corpus.loc[self.corpus["label"] != REAL, "generator"].drop_duplicates())
        self.sr = RATE_OF_WAVEFAKE if given else SAMPLE_RATE
        self.name_corpus("WaveFake" if given else "vocoded-prompts", embedded=not given)
        self._features = {}

    def system(self, name):
        """The ``System`` of that name, its front end at the rate of the corpus, with 100 frames a second."""
        system = get_system(name)
        rate = {"sr": self.sr, "hop_length": self.sr // 100}
        fields = {key: value for key, value in rate.items() if hasattr(system.front_end, key)}
        return replace(system, front_end=replace(system.front_end, **fields))

    def frames(self, split, generators, cap=None):
        """Frames of one split: the real ones and those of some generators, at most ``cap`` of each.

        Since all generators say the same, the same frames are drawn from each of them.
        """
        corpus = self.corpus[self.corpus["split"] == split]
        parts = [corpus[corpus["label"] == REAL], *(corpus[corpus["generator"] == name] for name in generators)]
        drawn = [subsample(part, cap, experiments.SUBSAMPLE_SEED) if cap else part for part in parts]
        return pd.concat(drawn, ignore_index=True)

    def features(self, name, split, generators):
        """Features of ``frames`` within the profile's budget, see ``features.extract``."""
        system, budget = self.system(name), self.profile.budget(name)
        cap = budget.training if split == "training" else budget.scoring
        key = (system.front_end, split, tuple(generators), cap)
        if key not in self._features:
            frames = self.frames(split, generators, cap)
            self._features[key] = extract(frames, system.front_end, self.features_folder)
        return self._features[key]

    def run_folder(self, name, generator, seed):
        """Folder of a run that was trained on one generator, see ``experiments.run_folder``."""
        return experiments.run_folder(
            self.system(name),
            self.features(name, "training", [generator]),
            [self.features(name, "validation", [generator]), self.features(name, "testing", self.generators)],
            marks=self.profile.budget(name).marks,
            seed=seed,
            threads=self.profile.threads,
            runs=self.runs,
            name=generator,
        )

    def run(self, *names, generators=None):
        """Train systems on each of some generators, or read the scores of earlier runs.

        Args:
            names: keys of ``SYSTEMS``.
            generators: to train on, one by one; None for the first alone.

        Returns:
            DataFrame: clip, label, score, group, speaker, generator, language, split, epochs, n_training, system,
            trained_on, seed. Validation holds the generator of training, testing holds all.
        """
        todo = [
            (name, generator, seed)
            for name in names
            for generator in generators or self.generators[:1]
            for seed in self.profile.budget(name).seeds
        ]
        return pd.concat(
            [
                experiments.read_scores(self.run_folder(name, generator, seed)).assign(
                    system=name, trained_on=generator, seed=seed
                )
                for name, generator, seed in tqdm(todo, desc="runs", unit="run")
            ],
            ignore_index=True,
        )

    def model(self, name, generator):
        """The network of the first seed of a run, as it was at its last mark."""
        budget = self.profile.budget(name)
        path = self.run_folder(name, generator, budget.seeds[0]) / f"epoch-{budget.marks[-1]}.keras"
        return keras.models.load_model(path, safe_mode=True)

    def attributions(self, name, generator, *, clips, steps=200):
        """Integrated gradients of a run on testing frames: real ones, fakes of its generator, both, and the difference.

        The baseline is the mean of training, which is zero after standardisation.

        Args:
            name: key of ``SYSTEMS``.
            generator: that it was trained on.
            clips: frames of each class.
            steps: on the way from the baseline.

        Returns:
            (maps, gaps): dict real, fake, both, fake less real → signed ``explain.MeanMap``; and the completeness gap
            of each frame.
        """
        model = self.model(name, generator)
        features = self.features(name, "testing", self.generators)
        table = features.corpus
        rows = [np.flatnonzero(table["generator"] == who)[:clips] for who in (HUMAN, generator)]
        x = features.rows(np.concatenate(rows))
        baseline = np.broadcast_to(np.asarray(model.get_layer(index=1).mean)[0], features.shape)
        found = explain.integrated_gradients(model, x, baseline=baseline, steps=steps)
        of_class = {"real": slice(None, len(rows[0])), "fake": slice(len(rows[0]), None), "both": slice(None)}
        maps = {who: explain.mean_maps(found.values[part])["signed"] for who, part in of_class.items()}
        pairs = zip(maps["fake"], maps["real"], strict=True)
        maps["fake less real"] = explain.MeanMap(*(fake - real for fake, real in pairs))
        return maps, found.gap

    def time_frequency(self, utterance=0):
        """A testing frame by every generator, for ``generator_figures.time_frequency``: spectrogram and packets."""
        frames = self.frames("testing", self.generators)
        clips = []
        for generator in (HUMAN, *self.generators):
            y = self._read(frames[frames["generator"] == generator].iloc[utterance])
            levels = {
                f"{title} (dB)": 10 / np.log(10) * self.system(name).front_end(y)[..., 0]
                for title, name in (("spectrogram", "dcnn_stft"), ("haar packets", "dcnn_haar"))
            }
            clips.append((generator, int(generator != HUMAN), levels))
        return clips

    def export(self, clips, folder):
        """Write frames as WAV files to listen to, ``<number>-<generator>.wav``; returns their paths."""
        frames = self.corpus.set_index("clip").loc[clips]
        paths = [Path(folder) / f"{k:02d}-{generator}.wav" for k, generator in enumerate(frames["generator"])]
        for path, (_, frame) in zip(paths, frames.iterrows(), strict=True):
            audio.write(path, self._read(frame), sr=self.sr)
        return paths

    def _read(self, frame):
        return audio.read(frame["path"], sr=self.sr, start=frame["start"], end=frame["end"])
