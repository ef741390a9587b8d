"""Where the time of `make study` goes: from nothing in a fresh clone, and again with everything cached.

Not in turns, and not part of run.py: three quarters of an hour on 2 cores. What make installs counts in neither.
"""

import argparse
import subprocess
from pathlib import Path


def passed(folder):
    """One pass of the study: DataFrame by notebook, cell, seconds."""
    import pandas as pd

    subprocess.run(["make", "study"], cwd=folder, check=True)
    return pd.read_csv(folder / "data" / "study_seconds.csv")


def rows(first, again, folder):
    """A row per notebook, the sum last: its minutes, and of the first pass the slowest cell."""
    import nbformat

    for name, cells in first.groupby("notebook"):
        slowest = cells.loc[cells["seconds"].idxmax()]
        notebook = nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)
        lines = [line for line in notebook.cells[slowest["cell"]].source.splitlines() if "study." in line]
        yield {
            "notebook": name,
            "first (s)": cells["seconds"].sum(),
            "again (s)": again.loc[again["notebook"] == name, "seconds"].sum(),
            "slowest cell (s)": slowest["seconds"],
            "which begins": lines[0].strip() if lines else "imports",
        }
    yield {"notebook": "all", "first (s)": first["seconds"].sum(), "again (s)": again["seconds"].sum()}


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

    caption = (
        "Seconds of the cells of every notebook at profile demo: in a fresh clone, which builds its corpus before the "
    )
    caption += f"first notebook, and again with everything cached. Machine: {machine('keras', 'librosa')}."
    save_table(pd.DataFrame(rows(first, again, options.folder)), options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
