"""Front ends whose arithmetic takes batches, of NumPy or of a Keras graph alike."""

from fakeorreal.features.waveform import prepare


class Batched:
    """What they share: one waveform is a batch of one.

    A front end gives ``transform(y, xp)``: waveforms, float32, shape (batch, round(seconds * sr)), to features,
    float32, shape (batch, *shape), by the array functions ``xp``, which are ``numpy`` or ``keras.ops``.
    """

    def __call__(self, y):
        return self.transform(prepare(y, sr=self.sr, seconds=self.seconds)[None])[0]
