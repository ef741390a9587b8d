"""The machine: what a time was measured on, for captions, and what its processor can do."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine(*packages):
    """Cores, processor, system, and the versions of Python and of some packages, in words."""
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    model = _of_processor("model name") or platform.machine()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}; {', '.join(versions)}"


def multiplies_bfloat16():
    """Whether the processor multiplies in bfloat16, which elsewhere is slower than float32. Known on Linux only."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(_of_processor("flags").split())


def _of_processor(fact):
    """What Linux says of the first core, "" where it does not."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(fact)), "")
