"""The folder of the project that the package works in."""

from pathlib import Path


def project_home():
    """The folder, here or above, that holds ``notebooks/``; else the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)
