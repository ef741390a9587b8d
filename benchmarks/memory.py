"""How much memory extraction and training take as a corpus grows.

Every figure is the peak, over the run, of what a process and those that it starts hold together, each page counted once
(Pss); what is mapped from files can be taken back at any time and is told apart. Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SR, SECONDS = 16000, 2
FILES = 100  # of ten seconds; clips are stretches of them
EVERY = 100  # batches of an epoch, of which the network learns from one: the others are only read
FULL, QUICK = (1000, 100_000), (20, 200)
BAR = 1000  # MB


def corpus_of(folder, clips):
    """Stretches of two seconds, no two alike, of files that are written where they are missing."""
    import pandas as pd
    import soundfile as sf
    from detector_speed import SECONDS as LONG
    from detector_speed import speech

    from fakeorreal.corpora.corpus import make_corpus

    paths = [folder / f"{k:03d}.wav" for k in range(FILES)]
    for k, path in enumerate(paths):
        if not path.exists():
            sf.write(path, speech(SR, k), SR)
    step = (LONG - SECONDS) / max(1, clips // FILES)
    starts = [k // FILES * step for k in range(clips)]
    rows = pd.DataFrame({"clip": [f"{k:07d}" for k in range(clips)], "start": starts})
    rows = rows.assign(end=rows["start"] + SECONDS, path=[str(paths[k % FILES]) for k in range(clips)])
    return make_corpus(rows.assign(label=rows.index % 2, group=rows["clip"], split="training"))


def work(kind, folder, clips):
    """What is measured: ``extract`` computes the features of a corpus, ``train`` reads all and learns from some."""
    import numpy as np

    from fakeorreal.features import LogMel, extract

    features = extract(corpus_of(folder, clips), LogMel(), folder / str(clips), n_jobs=2, progress=False)
    if kind == "extract":
        return
    from fakeorreal.prefetch import prefetched
    from fakeorreal.systems import get_system
    from fakeorreal.training import epoch_order, make_deterministic, new_model

    system = get_system("custom_cnn")
    make_deterministic(0)
    model = new_model(system, features)
    order = epoch_order(len(features), 0, 0)
    batches = np.split(order, range(system.batch, len(order), system.batch))
    for k, inputs in enumerate(prefetched(features.rows, batches)):
        if k % EVERY == 0:
            model.train_on_batch(inputs, features.labels[batches[k]].astype("float32")[:, None])


def held(pid):
    """(MB, MB without files) that a process and its descendants hold now; what ends meanwhile is not counted."""
    total = without = 0
    waiting = [pid]
    while waiting:
        here = Path(f"/proc/{waiting.pop()}")
        try:
            lines = (line.split() for line in (here / "smaps_rollup").read_text().splitlines()[1:])
            sizes = {name: int(size) * 1024 / 1e6 for name, size, _ in lines}
            waiting += [child for task in here.glob("task/*/children") for child in task.read_text().split()]
        except (OSError, ValueError):
            continue
        total, without = total + sizes["Pss:"], without + sizes["Pss:"] - sizes["Pss_File:"]
    return total, without


def peak(kind, folder, clips):
    """Run `work` in a process of its own; returns (seconds, peak MB, peak MB without files)."""
    command = [sys.executable, __file__, "--work", kind, "--folder", str(folder), "--clips", str(clips)]
    start, peaks = time.perf_counter(), (0, 0)
    process = subprocess.Popen(command)
    while process.poll() is None:
        peaks = tuple(map(max, peaks, held(process.pid)))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}. See above.")
    return time.perf_counter() - start, *peaks


def rows(sizes):
    """Rows of the table, printed."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("extract", "train"):
            for clips in sizes:
                seconds, total, without = peak(kind, Path(folder), clips)
                met = "yes" if without <= BAR else "no"
                print(f"{kind}, {clips} clips: {total:.0f} MB, {without:.0f} MB without files, {seconds:.0f} s")
                yield {
                    "what": kind,
                    "clips": clips,
                    "peak memory (MB)": total,
                    "without files (MB)": without,
                    "seconds": seconds,
                    "at most": BAR,
                    "met": met,
                }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/memory.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; writes no table")
    parser.add_argument("--work", choices=("extract", "train"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--clips", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.folder, options.clips)
        return
    table = list(rows(QUICK if options.quick else FULL))
    if options.quick:
        return
    import pandas as pd

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    caption = f"Peak memory as a corpus grows: log-mel of stretches of {SECONDS} s in two processes, and one epoch of "
    caption += (
        f"the Custom-CNN, which reads all clips and learns from one batch in {EVERY}. A process and those that it "
    )
    caption += f"starts together, each page once. Machine: {machine('numpy', 'keras')}."
    save_table(pd.DataFrame(table), options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
