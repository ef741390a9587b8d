"""Training rows that are altered anew in every epoch: kept as waveforms, turned into features when asked for."""

import numpy as np

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.cache import extract
from fakeorreal.features.waveform import Waveform
from fakeorreal.spy_augmentation import AUGMENTATIONS, VERSION


class Augmented:
    """What ``Features`` offers, and every row in a form that depends on seed, epoch and row.

    Args:
        corpus: table of clips.
        front_end: waveform of a fixed length → (bands, frames, channels).
        augmentation: key of ``AUGMENTATIONS``.
        folder: where the waveforms are kept, see ``features.extract``.

    Attributes:
        corpus, failed, shape, labels, digest: as in ``Features``.

    Raises:
        FakeOrRealError: an unknown augmentation, a front end of another kind, or as ``features.extract``.
    """

    def __init__(self, corpus, front_end, augmentation, folder):
        if augmentation not in AUGMENTATIONS:
            raise FakeOrRealError(
                f"`augmentation` must be one of {', '.join(AUGMENTATIONS)}. Received: {augmentation!r}."
            )
        if front_end.seconds is None or len(front_end.shape) != 3:
            raise FakeOrRealError(
                "augmentation needs a front end that gives (bands, frames, channels) of clips of one length. "
                f"Received: {front_end}. Leave `augmentation` empty."
            )
        self._waveforms = extract(corpus, Waveform(front_end.sr, front_end.seconds), folder)
        self._front_end, self._alter = front_end, AUGMENTATIONS[augmentation]
        self.corpus, self.failed = self._waveforms.corpus, self._waveforms.failed
        self.shape, self.labels = tuple(front_end.shape), self._waveforms.labels
        self.digest = f"{self._waveforms.digest}-{VERSION}"

    def __len__(self):
        return len(self._waveforms)

    def rows(self, indices):
        """Rows as they are, in the order asked for: float32, shape (len(indices), *shape)."""
        return np.stack([self._front_end(y) for y in self._waveforms.rows(indices)])

    def altered(self, indices, *, seed, epoch):
        """The same rows as this epoch of the run with this seed hears them, whatever else is asked for."""
        rngs = (np.random.default_rng([seed, epoch, 1 + row]) for row in indices)  # 0 would give that of the order
        waveforms = self._waveforms.rows(indices)
        return np.stack([self._alter(y, self._front_end, rng) for y, rng in zip(waveforms, rngs, strict=True)])
