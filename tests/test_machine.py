"""What a time was measured on, in words."""

import os
import platform
from importlib.metadata import version

from fakeorreal.machine import machine


def test_cores_system_and_versions_are_named():
    text = machine("numpy", "keras")
    assert text.startswith(f"{os.cpu_count()} cores, ") and f", {platform.system()}; " in text
    assert text.endswith(f"Python {platform.python_version()}, numpy {version('numpy')}, keras {version('keras')}")
