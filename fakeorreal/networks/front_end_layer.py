"""A front end inside a network, which can then be differentiated from the waveform on."""

import keras

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import build_front_end


@keras.saving.register_keras_serializable(package="fakeorreal")
class FrontEndLayer(keras.layers.Layer):
    """Computes a front end by its own ``transform``; without weights, in float32 under every policy.

    Args:
        front_end: one that has ``transform``: LogSTFT, WaveletPackets or LFCC.

    Input shape:
        ``(batch, round(seconds * sr))`` waveforms.

    Output shape:
        ``(batch, *front_end.shape)``

    Raises:
        FakeOrRealError: a front end without ``transform``; waveforms of another length.
    """

    def __init__(self, front_end, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # half precision has no 1e-12 to add before a logarithm
        if not hasattr(front_end, "transform"):
            raise FakeOrRealError(
                "`front_end` must have `transform`, as LogSTFT, WaveletPackets and LFCC do. "
                f"Received: {front_end!r}. Compute its features outside the network."
            )
        self.front_end = front_end

    def build(self, input_shape):
        n = round(self.front_end.seconds * self.front_end.sr)
        if tuple(input_shape[1:]) != (n,):
            raise FakeOrRealError(
                f"`waveforms` must have shape (batch, {n}) for {self.front_end!r}. "
                f"Received: shape {tuple(input_shape)}. Bring them to that length with fakeorreal.audio.fit_length."
            )
        self.input_spec = keras.layers.InputSpec(shape=(None, n))  # for every later call

    def call(self, waveforms):
        return self.front_end.transform(waveforms, keras.ops)

    def get_config(self):
        return {**super().get_config(), "front_end": self.front_end.config()}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "front_end": build_front_end(config["front_end"])})
