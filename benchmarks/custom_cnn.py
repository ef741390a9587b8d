"""How fast the Custom-CNN learns from pictures of 128×128, through this package and in the usual ways.

Every contender is a process of its own that trains one epoch when told to, so that they can take turns:
`keras.Model.fit` on arrays in memory, with the clips that it is validated on; this package on features in a file, with
the clips behind its learning curves, in float32 and in bfloat16, in the batches of the recipe (that they cost no
accuracy is in fast_training.py); PyTorch, where it is installed, as in its tutorials, in batches of either size.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SHAPE = (128, 128, 1)
FILTERS = (32, 64, 128, 128)
BATCH, RATE = 32, 5e-4
HELD_OUT = 100
FULL = {"rounds": 15, "clips": 640}
QUICK = {"rounds": 1, "clips": 64}
KERAS = "Keras fit, float32"
OURS = {"fit_network, float32": "float32", "fit_network, bfloat16": "mixed_bfloat16"}
TORCH = {
    "PyTorch, float32": (False, BATCH),
    "PyTorch, bfloat16": (True, BATCH),
    "PyTorch, bfloat16, larger batches": (True, 2 * BATCH),
}
BAR = 2  # times Keras fit


def pictures(n, seed):
    """Noise in dB, float32 (n, *SHAPE), and labels (n,): fakes have a faint line somewhere in their upper half."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-45, 12, (n, *SHAPE)).astype(np.float32)
    labels = np.arange(n) % 2
    rows = rng.integers(SHAPE[0] // 2, SHAPE[0] - 1, n)
    for picture, row, label in zip(x, rows, labels, strict=True):
        picture[row : row + 2] += 15 * label
    return np.clip(x, -80, 0), labels


class Table:
    """What `training` asks of ``Features``, over one file that is read through a memory map."""

    def __init__(self, x, labels, path):
        np.save(path, x)
        self.shape, self.labels, self._x = SHAPE, labels, np.load(path, mmap_mode="r")

    def __len__(self):
        return len(self.labels)

    def rows(self, indices):
        return self._x[indices]


def keras_fit(x, labels, held_out):
    """(one epoch, logits of pictures); the network as it is usually written: rectified before it is pooled."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 40, offset=1)])
    for k, filters in enumerate(FILTERS):
        model.add(layers.Conv2D(filters, 3, strides=1 if k else 2, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D(2))
    for layer in (layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dropout(0.5), layers.Dense(1)):
        model.add(layer)
    accuracy = keras.metrics.BinaryAccuracy(threshold=0.0)
    model.compile(keras.optimizers.Adam(RATE), keras.losses.BinaryCrossentropy(from_logits=True), metrics=[accuracy])

    turn, over = threading.Semaphore(0), threading.Semaphore(0)
    turns = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: turn.acquire(), on_epoch_end=lambda *_: over.release()
    )
    # one call for all epochs: `fit` takes over a second to return
    options = {"epochs": 10**6, "validation_data": held_out, "callbacks": [turns], "verbose": 0}
    labels = labels[:, None].astype("float32")
    threading.Thread(target=model.fit, args=(x, labels, BATCH), kwargs=options, daemon=True).start()

    def epoch():
        turn.release()
        over.acquire()

    return epoch, lambda y: model.predict(y, verbose=0)


def ours(x, labels, held_out, precision):
    """(one epoch, logits of pictures)."""
    from fakeorreal.systems import get_system
    from fakeorreal.training import make_deterministic, measured_epoch, new_model

    folder = Path(tempfile.mkdtemp())
    training, validation = Table(x, labels, folder / "training.npy"), Table(*held_out, folder / "validation.npy")
    system = get_system("custom_cnn")
    make_deterministic(0)
    model, history = new_model(system, training, precision), []

    def epoch():
        history.append(measured_epoch(model, system, training, validation, history, 0))

    return epoch, model.predict_on_batch


def pytorch(x, labels, held_out, bfloat16, size):
    """(one epoch, logits of pictures)."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers, channels = [], 1
    for k, filters in enumerate(FILTERS):
        layers += [nn.Conv2d(channels, filters, 3, 1 if k else 2, 1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    layers += [nn.Flatten(), nn.LazyLinear(512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 1)]
    network = nn.Sequential(*layers)

    def tensor(y):
        return torch.from_numpy(np.moveaxis(np.asarray(y), 3, 1) / 40 + 1).to(memory_format=torch.channels_last)

    network(tensor(x[:1]))  # gives the lazy layer its shape
    network.to(memory_format=torch.channels_last)
    data = torch.utils.data.TensorDataset(tensor(x), torch.from_numpy(labels[:, None].astype("float32")))
    loader = torch.utils.data.DataLoader(data, size, shuffle=True)
    optimiser, loss = torch.optim.Adam(network.parameters(), RATE), nn.BCEWithLogitsLoss()

    def forward(y):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return network(y).float()

    def logits(y):
        network.eval()
        with torch.no_grad():
            return forward(tensor(y)).numpy()

    def epoch():
        network.train()
        for batch, of_batch in loader:
            optimiser.zero_grad()
            loss(forward(batch), of_batch).backward()
            optimiser.step()
        logits(held_out[0])

    return epoch, logits


def contend(name, clips):
    """The life of a contender: prepares, then trains an epoch for every line that comes in and says what it took."""
    x, labels = pictures(clips, 0)
    held_out = pictures(HELD_OUT, 1)
    if name == KERAS:
        epoch, logits = keras_fit(x, labels, held_out)
    elif name in OURS:
        epoch, logits = ours(x, labels, held_out, OURS[name])
    else:
        epoch, logits = pytorch(x, labels, held_out, *TORCH[name])
    for _ in sys.stdin:
        start, processor = time.perf_counter(), time.process_time()
        epoch()
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        right = np.mean((np.ravel(logits(held_out[0])) >= 0) == held_out[1])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(json.dumps([seconds, processor, 100 * right, peak]), flush=True)


def ask(process):
    """Have a contender train for an epoch; returns (seconds, of processor, accuracy in per cent, peak MB)."""
    process.stdin.write("\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args[-1]} ended. See above.")
    return json.loads(line)


def rows(names, clips, rounds):
    """Rows of the table, printed; the first epoch of every contender, which compiles, is not counted."""
    command = [sys.executable, __file__, "--clips", str(clips), "--contend"]
    # the threads of the study's profiles: one operator at a time, on both cores
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "1"}
    processes = {
        name: subprocess.Popen([*command, name], env=quiet, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in names
    }
    try:
        taken = {name: [] for name in names}
        for _ in range(1 + rounds):
            for name, process in processes.items():
                taken[name].append(ask(process))
    finally:
        for process in processes.values():
            process.stdin.close()
            process.wait()
    for name, own in taken.items():
        pairs = list(zip(taken[KERAS][1:], own[1:], strict=True))
        faster, less = (statistics.median(theirs[k] / mine[k] for theirs, mine in pairs) for k in (0, 1))
        speed = clips / statistics.median(mine[0] for _, mine in pairs)
        *_, accuracy, peak = own[-1]
        print(f"{name}: {speed:.0f} clips per second, {faster:.3g} times as fast, ", end="")
        print(f"{less:.3g} times less processor time, {accuracy:.0f} % right, {peak:.0f} MB", flush=True)
        yield {
            "computed by": name,
            "clips per second": speed,
            "times as fast": faster,
            "times less processor time": less,
            "accuracy": accuracy,
            "peak memory (MB)": peak,
        }


def installed(name):
    from importlib.util import find_spec

    return find_spec(name) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/custom_cnn_speed.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; writes no table")
    parser.add_argument("--clips", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--contend", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contend:
        contend(options.contend, options.clips)
        return
    names = [KERAS, *OURS, *(TORCH if installed("torch") else ())]
    size = QUICK if options.quick else FULL
    table = list(rows(names, size["clips"], size["rounds"]))
    if options.quick:
        return
    import pandas as pd

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    packages = ("keras", "tensorflow-cpu", *(("torch",) if installed("torch") else ()))
    height, width, _ = SHAPE
    caption = (
        f"Custom-CNN on {size['clips']} pictures of {height}×{width} in batches of {BATCH}, this package and PyTorch's "
        f"larger ones of {2 * BATCH}, with an evaluation of {HELD_OUT} after every epoch (this package: of as many "
        f"training clips too): medians of {size['rounds']} epochs in which all take turns. "
        f"Machine: {machine(*packages)}."
    )
    save_table(pd.DataFrame(table), options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
