"""What a time was measured on, in words, and what a processor can do."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import pytest

from fakeorreal.machine import machine, multiplies_bfloat16


def test_cores_system_and_versions_are_named():
    text = machine("numpy", "keras")
    assert text.startswith(f"{os.cpu_count()} cores, ") and f", {platform.system()}; " in text
    assert text.endswith(f"Python {platform.python_version()}, numpy {version('numpy')}, keras {version('keras')}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name\t: A\nflags\t\t: fpu avx512f avx512_bf16 sse\n\nflags\t: fpu\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx512f avx512_bf161\n", False),
        ("model name\t: B\nBogoMIPS: 50\n", False),  # no processor of this kind
        (None, False),  # no Linux
    ],
)
def test_bfloat16_is_asked_of_the_processor(monkeypatch, tmp_path, text, expected):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr("fakeorreal.machine.Path", lambda path: tmp_path / Path(path).name)
    assert multiplies_bfloat16() == expected
