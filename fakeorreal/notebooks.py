"""'Run all' from the command line: execute the notebooks in order and store them with clean outputs."""

from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically

CELL_TIMEOUT = 24 * 3600  # seconds: at profile ``full`` one cell trains for hours


class _Client(NotebookClient):
    """Passes on what progress bars inside cells say, since a cell may train for minutes."""

    bar = None

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream" and msg["content"]["name"] == "stderr":
            last = msg["content"]["text"].strip().rpartition("\r")[2]
            if "%|" in last:
                self.bar.set_postfix_str(last.partition("|")[0])
        return super().process_message(msg, cell, cell_index)


def find(folder, only=""):
    """Notebooks of a folder whose names begin with ``only``, sorted; FakeOrRealError where there is none."""
    paths = sorted(p for p in Path(folder).glob("*.ipynb") if p.name.startswith(only) and not p.name.startswith("."))
    if not paths:
        what = f"notebook whose name begins with {only!r}" if only else "notebook"
        raise FakeOrRealError(f"{folder}: holds no {what}. Run this from the folder of the repository.")
    return paths


def run_all(folder, only="", *, save=True, progress=True):
    """Execute every notebook of a folder, in the order of their names.

    Args:
        folder: holds ``01_….ipynb`` and so on.
        only: beginning of the names of those wanted.
        save: store the executed notebooks over the old ones, cleaned by ``clean``.
        progress: show a bar, counted in cells.

    Returns:
        list of (name of the notebook, number of the cell in it, seconds that it took), of code cells.

    Raises:
        FakeOrRealError: no notebook there, or a cell that failed; the notebook on disk is then left as it was.
    """
    paths = find(folder, only)
    notebooks = [nbformat.read(path, as_version=4) for path in paths]
    total = sum(cell.cell_type == "code" for notebook in notebooks for cell in notebook.cells)
    seconds = []
    with tqdm(total=total, unit="cell", disable=not progress) as bar:
        for path, notebook in zip(paths, notebooks, strict=True):
            bar.set_description(path.stem)
            client = _Client(
                notebook,
                timeout=CELL_TIMEOUT,
                kernel_name="python3",
                extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
                resources={"metadata": {"path": str(path.parent)}},
                on_cell_executed=lambda cell, cell_index, execute_reply: bar.update(cell.cell_type == "code"),
            )
            client.bar = bar
            try:
                client.execute()
            except CellExecutionError as error:
                lines = [line for line in str(error).splitlines() if line.strip()]
                raise FakeOrRealError(f"{path}: a cell failed. {lines[-1]}") from error
            code = [
                (k, cell) for k, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()
            ]
            seconds += [(path.stem, k, _taken(cell)) for k, cell in code]
            if save:
                write_atomically(path, nbformat.writes(clean(notebook)).encode() + b"\n")
    return seconds


def clean(notebook):
    """Keep sources and results; drop what differs from run to run or from machine to machine.

    That is: counts, metadata, the error stream (progress bars, library chatter) and the kernel's version.
    """
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for k, cell in enumerate(notebook.cells):
        cell.id = f"cell-{k:02d}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = _joined(out for out in cell.outputs if out.get("name") != "stderr")
            for out in cell.outputs:
                if "execution_count" in out:
                    out.execution_count = None
                if "metadata" in out:
                    out.metadata = {}
    return notebook


def _taken(cell):
    """Seconds that a cell took, by what the client noted in it."""
    times = cell.metadata["execution"]
    began, ended = (datetime.fromisoformat(times[name]) for name in ("iopub.execute_input", "shell.execute_reply"))
    return (ended - began).total_seconds()


def _joined(outputs):
    """What is printed as one output, wherever the error stream cut it apart."""
    found = []
    for out in outputs:
        if found and out.output_type == "stream" and found[-1].output_type == "stream":
            found[-1].text += out.text
        else:
            found.append(out)
    return found
