"""How many frames of a second the networks of the generator study learn from and score, in float32 and bfloat16.

Both precisions take turns in every round, so that what else the machine does hits both. bfloat16 is slow on a processor
that does not multiply in it.
"""

import argparse
import os
import statistics
from pathlib import Path

SYSTEMS = ("dcnn_stft", "dcnn_haar", "dcnn_no_dilation", "lcnn_lfcc", "transformer_stft")
BATCH = 16
PRECISIONS = ("float32", "mixed_bfloat16")
ROUNDS = 15


def steps(system):
    """Functions of a batch of frames, by (work, precision): one step of training, and scoring."""
    import keras

    from fakeorreal.networks import build_network

    functions = {}
    for precision in PRECISIONS:
        keras.config.set_dtype_policy(precision)
        model = build_network(system.network, system.front_end.shape, **system.options)
        model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
        functions["training", precision] = lambda batch, model=model: model.train_on_batch(*batch)
        functions["scoring", precision] = lambda batch, model=model: model.predict_on_batch(batch[0])
    return functions


def rows(name, rounds):
    """Rows of the table for a system, printed: medians of the frames per second and of the ratio to float32."""
    import numpy as np
    from wavelet_packets import measure

    from fakeorreal.systems import get_system

    system = get_system(name)
    frames = np.random.default_rng(0).standard_normal((BATCH, *system.front_end.shape)).astype(np.float32)
    seconds = measure(steps(system), (frames, np.arange(BATCH)[:, None] % 2), rounds)
    for (work, precision), values in seconds.items():
        speed = BATCH / statistics.median(values)
        plain = seconds[work, PRECISIONS[0]]
        ratio = statistics.median(base / own for base, own in zip(plain, values, strict=True))
        print(f"{name}, {work}, {precision}: {speed:.1f} frames per second, {ratio:.3g} times as fast", flush=True)
        yield {
            "system": name,
            "work": work,
            "precision": precision,
            "frames per second": speed,
            "times as fast": ratio,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/generator_networks_speed.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it runs; writes no table")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import pandas as pd

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    names, rounds = (SYSTEMS[-1:], 1) if options.quick else (SYSTEMS, ROUNDS)
    table = pd.DataFrame([row for name in names for row in rows(name, rounds)])
    if options.quick:
        return
    caption = f"Networks of the generator study, without their front ends, on frames of 1 s in batches of {BATCH}: "
    caption += f"medians of {ROUNDS} rounds in which both precisions take turns. "
    caption += f"Machine: {machine('keras', 'tensorflow-cpu')}."
    save_table(table, options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
