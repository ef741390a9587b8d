"""A localiser that finds tones of 3 kHz: a network small enough to know what it says."""

import numpy as np
import soundfile as sf

from fakeorreal.corpora.fakesound import SETS, write_metadata

BAND = 84
"""Of `FrameMel`, with 3 kHz in its middle."""

SETTINGS = {
    "name": "tones",
    "version": "0.1",
    "calibration": {"scale": 2.0, "offset": 0.0, "from": "nothing"},
    "threshold": 0.0,
    "threshold_from": "the height of a tone",
    "regions": {"median": 1, "least": 0.0, "gap": 0.0},
}


def tone_network(shape=(1000, 128)):
    """Logit of a frame: a tenth of the dB by which its band of 3 kHz stands above the mean of all, less 3."""
    import keras

    inputs = keras.Input(shape)
    x = keras.layers.AveragePooling1D(2)(inputs)
    weights = np.full((shape[1], 1), -0.1 / shape[1], "float32")
    weights[BAND] += 0.1
    x = keras.layers.Dense(1, name="frame_logit")(x)
    frames = keras.layers.Reshape((-1,), name="frames")(x)
    clip = keras.layers.GlobalMaxPooling1D()(x)
    model = keras.Model(inputs, [frames, clip], name="tones")
    model.get_layer("frame_logit").set_weights([weights, np.float32([-3])])
    return model


def with_tones(seconds, spans, *, sr=16000, seed=0):
    """Noise, and a tone of 3 kHz in each (start, end)."""
    rng = np.random.default_rng(seed)
    y = 0.01 * rng.standard_normal(round(seconds * sr))
    t = np.arange(len(y)) / sr
    for start, end in spans:
        y += np.where((t >= start) & (t < end), 0.3 * np.sin(2 * np.pi * 3000 * t), 0)
    return y.astype(np.float32)


def write_tones(root, *, pairs, seconds):
    """A corpus in the layout of FakeSound: pairs of noise in every set; fakes have a tone of 3 kHz in them."""
    (root / "audio").mkdir(parents=True)
    for s, name in enumerate(SETS):
        rows = []
        for k in range(pairs):
            for label, word in enumerate(("real", "fake")):
                spans = [(1.0 + 0.5 * k, 2.5 + 0.5 * k)] if label else []
                file = f"audio/{name}{k}-{word}.wav"
                sf.write(root / file, with_tones(seconds, spans, seed=10 * s + k), 16000)
                row = {"audio_id": f"{name}{k}-{word}", "label": label, "onset_offset": spans, "filepath": file}
                rows.append(row | {"source": f"{name}{k}", "method": "tone" if label else "human"})
        write_metadata(root / "meta_data" / f"{name}.json", rows)
    return root
