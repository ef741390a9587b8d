"""Where the time of `make study` goes: from nothing in a fresh clone, and again with everything cached.

Not in turns, and not part of run.py: three quarters of an hour on 2 cores.
"""

import argparse
import subprocess
import time
from pathlib import Path


def passed(folder):
    """One pass of the study: seconds by stage, and those of every cell (DataFrame: notebook, cell, seconds)."""
    import pandas as pd

    stages = {}
    for stage, targets in (("installation", (".venv/.installed", "engines", "lists")), ("study", ("study",))):
        start = time.perf_counter()
        subprocess.run(["make", *targets], cwd=folder, check=True)
        stages[stage] = time.perf_counter() - start
    cells = pd.read_csv(folder / "data" / "study_seconds.csv")
    stages["embedded corpus, start of kernels"] = stages.pop("study") - cells["seconds"].sum()
    return stages, cells


def rows(first, again, folder):
    """A row per stage and notebook, the sum last: seconds of both passes, and of the first the slowest cell."""
    import nbformat

    found = [{"stage": stage, "first (s)": first[0][stage], "again (s)": again[0][stage]} for stage in first[0]]
    for name, cells in first[1].groupby("notebook"):
        slowest = cells.loc[cells["seconds"].idxmax()]
        notebook = nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)
        lines = [line for line in notebook.cells[slowest["cell"]].source.splitlines() if "study." in line]
        row = {
            "stage": name,
            "first (s)": cells["seconds"].sum(),
            "again (s)": again[1].loc[again[1]["notebook"] == name, "seconds"].sum(),
            "slowest cell (s)": slowest["seconds"],
            "which begins": lines[0].strip() if lines else "imports",
        }
        found.append(row)
    return [*found, {"stage": "all", **{k: sum(row[k] for row in found) for k in ("first (s)", "again (s)")}}]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new folder, for the clone")
    parser.add_argument("--out", type=Path, default="results/study_speed.csv", help="default: %(default)s")
    options = parser.parse_args()
    subprocess.run(["git", "clone", "--quiet", ".", options.folder], check=True)
    first, again = (passed(options.folder) for _ in range(2))

    import pandas as pd

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    caption = "Seconds of `make study` at profile demo, of its notebooks those of their cells: in a fresh clone, and "
    caption += f"again with everything cached. Machine: {machine('keras', 'librosa')}."
    save_table(pd.DataFrame(rows(first, again, options.folder)), options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
