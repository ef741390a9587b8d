"""How fast log wavelet packets of one-second clips are computed on one core, against PyWavelets.

The contenders take turns in every round, so that what else the machine does hits all of them.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

SR = 16000
LEVEL = 8
WAVELETS = ("haar", "sym5", "coif4")
FULL = {"rounds": 25, "clips": 32}
QUICK = {"rounds": 2, "clips": 8}
BASELINE = "pywt.WaveletPacket"


def contenders(wavelet):
    """Functions of clips (batch, SR) to features (batch, 2**LEVEL, T, 1), by what they are called in the table."""
    import numpy as np
    import pywt
    import tensorflow as tf

    from fakeorreal.features import WaveletPackets
    from fakeorreal.networks.front_end_layer import FrontEndLayer

    front_end = WaveletPackets(sr=SR, wavelet=wavelet, level=LEVEL)

    def logarithm(packets):
        return np.log(np.abs(packets) ** 2 + np.float32(1e-12))[..., None]

    def tree(y):
        nodes = pywt.WaveletPacket(y, wavelet, mode="reflect").get_level(LEVEL, "freq")
        return logarithm(np.array([node.data for node in nodes]))

    def halvings(y):
        packets = y[None]
        for _ in range(LEVEL):
            packets = np.stack(pywt.dwt(packets, wavelet, "reflect"), axis=1)
            packets[1::2] = packets[1::2, ::-1]  # the high half of a band is mirrored
            packets = packets.reshape(-1, packets.shape[2])
        return logarithm(packets)

    graph = tf.function(FrontEndLayer(front_end), input_signature=[tf.TensorSpec((None, SR))])
    return {
        BASELINE: lambda clips: [tree(y) for y in clips],
        "pywt.dwt on all packets of a level": lambda clips: [halvings(y) for y in clips],
        "WaveletPackets": lambda clips: [front_end(y) for y in clips],
        "FrontEndLayer, all clips at once": lambda clips: graph(clips).numpy(),
    }


def measure(functions, clips, rounds):
    """Seconds of each function in each round, after one that is not counted.

    Args:
        functions: by name; they take turns.
        clips: what they are called with.
        rounds: how often.

    Returns:
        dict of name to list of seconds.
    """
    seconds = {name: [] for name in functions}
    for _ in range(1 + rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function(clips)
            seconds[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in seconds.items()}


def rows(wavelet, clips, rounds):
    """Rows of the table for a wavelet, printed: medians of the clips per second and of the ratio to the baseline."""
    seconds = measure(contenders(wavelet), clips, rounds)
    for name, values in seconds.items():
        speed = len(clips) / statistics.median(values)
        ratio = statistics.median(base / own for base, own in zip(seconds[BASELINE], values, strict=True))
        print(f"{wavelet}, {name}: {speed:.0f} clips per second, {ratio:.3g} times as fast", flush=True)
        yield {"wavelet": wavelet, "computed by": name, "clips per second": speed, "times as fast": ratio}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/wavelet_packets_speed.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it runs; writes no table")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before the libraries count the cores
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    import pandas as pd
    from detector_speed import speech

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    size = QUICK if options.quick else FULL
    sound = np.concatenate([speech(SR, seed) for seed in range(-(-size["clips"] // 10))])
    clips = sound[: size["clips"] * SR].reshape(-1, SR)
    table = pd.DataFrame([row for wavelet in WAVELETS for row in rows(wavelet, clips, size["rounds"])])
    if options.quick:
        return
    caption = f"Log wavelet packets of level {LEVEL} of {len(clips)} clips of 1 s at {SR:,} Hz, on one core, clip by "
    caption += f"clip where not stated: medians of {size['rounds']} rounds in which all take turns. "
    caption += f"Machine: {machine('PyWavelets', 'numpy', 'tensorflow-cpu')}."
    save_table(table, options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
