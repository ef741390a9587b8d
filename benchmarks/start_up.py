"""How long the command `fakeorreal` takes to say what it can do, beside Python itself and what most of it would import.

Every figure is of a process of its own, from its start to its end; all take turns.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "fakeorreal --help": ("-m", "fakeorreal", "--help"),
    "import fakeorreal": ("-c", "import fakeorreal"),
    "import librosa.feature": ("-c", "import librosa; librosa.feature.melspectrogram"),
    "import keras": ("-c", "import keras"),
}
OURS = "fakeorreal --help"
BARS = {OURS: 0.3, "import fakeorreal": 0.1}
FULL, QUICK = 5, 1


def taken(arguments):
    """Run Python with arguments; returns (seconds, seconds of processor time)."""
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=quiet, check=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(commands, rounds):
    """Rows of the table, printed: medians; the first round, which fills the caches of the disk, is not counted."""
    seconds = {name: [] for name in commands}
    for _ in range(1 + rounds):
        for name, arguments in commands.items():
            seconds[name].append(taken(arguments))
    for name, values in seconds.items():
        wall, processor = (statistics.median(column) for column in zip(*values[1:], strict=True))
        ratio = statistics.median(other[1] / own[1] for other, own in zip(values[1:], seconds[OURS][1:], strict=True))
        bar = BARS.get(name)
        met = "" if bar is None else "yes" if wall <= bar else "no"
        print(f"{name}: {wall:.3g} s, {processor:.3g} s of processor time, {ratio:.3g} times {OURS} {met}", flush=True)
        yield {
            "what": name,
            "seconds": wall,
            "processor seconds": processor,
            f"times {OURS}": ratio,
            "at most": bar,
            "met": met,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/start_up_speed.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it runs; writes no table")
    options = parser.parse_args()
    some = {name: COMMANDS[name] for name in list(COMMANDS)[:3]}
    table = list(rows(some, QUICK) if options.quick else rows(COMMANDS, FULL))
    if options.quick:
        return
    import pandas as pd

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    caption = f"From the start of a process to its end: medians of {FULL} rounds in which all take turns. "
    caption += f"Machine: {machine('keras', 'librosa')}."
    save_table(pd.DataFrame(table), options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
