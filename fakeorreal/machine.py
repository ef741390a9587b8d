"""What a time was measured on, for captions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine(*packages):
    """Cores, processor, system, and the versions of Python and of some packages, in words."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    model = next(models, platform.machine())
    return f"{os.cpu_count()} cores, {model}, {platform.system()}; {', '.join(versions)}"
