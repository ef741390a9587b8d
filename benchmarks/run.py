"""All benchmarks, one after the other, and one table of what they say: results/benchmarks.md.

python benchmarks/run.py                       # an hour on 2 cores; leave the machine alone meanwhile
python benchmarks/run.py extraction start_up   # only these; of the others the table says what their last run said
python benchmarks/run.py --quick               # minutes, to see that all run; writes no table
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = Path("results")


def column(table, rows, what, times, against):
    """Rows of the summary from those of a benchmark: what was compared with what, how many times as fast it is."""
    table = table[rows]
    return [
        {"what": name, "against": against, "times": value}
        for name, value in zip(table[what], table[times], strict=True)
    ]


def extraction(table):
    ours = table["computed by"].str.startswith("extract")
    share = table["processor ms per clip"].shift(-1)[ours] / table["processor ms per clip"][ours]
    rows = column(table, ours, "computed by", "times as fast", "librosa, a plain loop in one process")
    shares = [
        {"what": f"{row['what']}: share of processor time", "against": "Fourier transforms alone", "times": value}
        for row, value in zip(rows, share, strict=True)
    ]
    return rows + shares


def wavelet_packets(table):
    table = table.assign(what="log wavelet packets, " + table["wavelet"])
    return column(table, table["computed by"] == "WaveletPackets", "what", "times as fast", "pywt.WaveletPacket")


def custom_cnn(table):
    others = table.index > 0
    return column(table, others, "computed by", "times as fast", "Custom-CNN, " + table["computed by"][0])


def generator_networks(table):
    table = table.assign(what=table["system"] + ", " + table["work"] + " in bfloat16")
    return column(table, table["precision"] == "mixed_bfloat16", "what", "times as fast", "float32")


def start_up(table):
    return column(table, table["what"] == "import keras", "what", "times fakeorreal --help", "fakeorreal --help")


def memory(table):
    first, last = (table.groupby("what")["without files (MB)"].agg(which) for which in ("first", "last"))
    least, most = table["clips"].min(), table["clips"].max()
    return [
        {
            "what": f"{what}: peak memory, {most:,} clips",
            "against": f"{least:,} clips",
            "times": last[what] / first[what],
        }
        for what in first.index
    ]


def scale_out(table):
    table = table.assign(what=table["number"].astype(str) + " " + table["extracted by"])
    return column(table, table.index > 0, "what", "times", table["what"][0])


def detector_speed(table):
    table = table.assign(what=table["what"].str.partition(", against")[0])
    return column(table, table["unit"] == "times as fast", "what", "value", "librosa.load + Keras")


BENCHMARKS = {
    "extraction": (extraction, "extraction_speed"),
    "wavelet_packets": (wavelet_packets, "wavelet_packets_speed"),
    "custom_cnn": (custom_cnn, "custom_cnn_speed"),
    "fast_training": (None, "fast_training"),
    "generator_networks": (generator_networks, "generator_networks_speed"),
    "start_up": (start_up, "start_up_speed"),
    "memory": (memory, "memory"),
    "detector_speed": (detector_speed, "detector_speed"),
    "scale_out": (scale_out, "scale_out"),
    "duplicates": (None, "duplicates_speed"),
    "faults": (None, "faults"),
}
"""Script → its rows of the summary, from the table that it writes to results/; None where no speeds are compared."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="minutes, to see that all run; writes no table")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    names = options.names or list(BENCHMARKS)
    for name in names:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, HERE / f"{name}.py", *(["--quick"] if options.quick else [])], check=True)
    if options.quick:
        return
    import pandas as pd

    from fakeorreal.tables import save_table

    rows = []
    for name, (summary, written) in BENCHMARKS.items():
        path = RESULTS / f"{written}.csv"
        if summary and path.is_file():
            rows += [{"benchmark": name, **row} for row in summary(pd.read_csv(path))]
    caption = "Every figure is a ratio of what two contenders took in the same run on the same machine, in turns where "
    caption += "it can be; the table of each benchmark has more and names the machine."
    save_table(pd.DataFrame(rows), "benchmarks", RESULTS, caption)


if __name__ == "__main__":
    main()
