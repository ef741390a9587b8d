"""The reports of an audit: complete, safe with any file name, whole or not at all; the command that writes them."""

import base64
import hashlib
import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from matplotlib.colors import to_hex
from test_page import XSS, Page

from fakeorreal import audit_report
from fakeorreal.audit import CLASSIFIERS, Audit
from fakeorreal.cli import main
from fakeorreal.nuisances import NUISANCES


@pytest.fixture
def found():
    """An audit by which clips are shorter, files are named with markup, and testing reverses the level."""
    n = len(NUISANCES)
    table = pd.DataFrame(
        {"nuisance": ["duration", "name", "level", *(NUISANCES.keys() - {"duration", "name", "level"})]}
    )
    table = table.assign(
        auc=[0.93, 0.8, 0.7, *(n - 3) * [0.5]],
        auc_low=[0.9, 0.75, 0.66, *(n - 3) * [0.45]],
        auc_high=[0.95, 0.85, 0.74, *(n - 3) * [0.55]],
        fakes=["shorter", f"more often “{XSS}|`*”", "quieter", *(n - 3) * ["alike"]],
        real="2.10 s",
        fake="1.40 s",
        trend=["", "", "reversed", *(n - 3) * [""]],
    )
    for column in ("auc", "auc_low", "auc_high", "fakes", "real", "fake"):
        table[f"training_{column}"] = table[column]
    return Audit(
        nuisances=table,
        classifiers=pd.DataFrame({"classifier": list(CLASSIFIERS), "auc": 0.95, "auc_low": 0.91, "auc_high": 0.97}),
        shuffled=(0.44, 0.57),
        held_out=True,
        counts=pd.DataFrame({"label": [0, 1], "clips": [1200, 300], "groups": [100, 90]}),
        failed=pd.DataFrame({"clip": ["a"], "reason": [f"{XSS}: cannot be decoded."]}),
    )


def test_text(found):
    lines = audit_report.text("mine", found)
    assert "mine: 1,200 real and 300 fake clips (the testing split" in lines
    assert "0.93 [0.90, 0.95]" in lines and "0.44 to 0.57" in lines and "0.70, reversed in testing" in lines
    sentences = " ".join(lines.split())
    assert "The corpus can be cheated: duration alone tells real from fake: AUC 0.93 [0.90, 0.95]" in sentences
    assert "fakes are shorter (1.40 s against 2.10 s)" in sentences and "cut both classes to one length" in sentences
    assert "Warning: level misleads" in sentences and "1 clips could not be read" in sentences


def test_page(tmp_path, found):
    audit_report.write_page(tmp_path / "new" / "out.html", f"{XSS} $x", found)
    html = (tmp_path / "new" / "out.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.one("h1")[1] == f"Shortcut audit: {XSS} $x"
    assert "duration alone" in page.one("h2", id="verdict")[1]
    tables = {kind: page.one("table", **{"class": kind})[1] for kind in ("nuisances", "classifiers")}
    assert all(nuisance.title in tables["nuisances"] for nuisance in NUISANCES.values())
    assert all(title in tables["classifiers"] for title in CLASSIFIERS) and f"“{XSS}|`*”" in tables["nuisances"]
    assert f"{XSS}: cannot be decoded." in page.one("div", **{"class": "notice"})[1]


def test_page_asks_nothing_of_a_network_and_allows_its_style_only(tmp_path, found):
    audit_report.write_page(tmp_path / "out.html", XSS, found)
    page = Page((tmp_path / "out.html").read_text(encoding="utf-8"))
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    digest = base64.b64encode(hashlib.sha256(page.one("style")[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';") and "script" not in policy
    assert not page.all("script") and not page.all("link") and all("style" not in a for _, a, _ in page.elements)
    (picture,) = page.all("img")
    kind, _, data = picture[0]["src"].partition(",")
    assert kind == "data:image/png;base64"
    assert matplotlib.image.imread(io.BytesIO(base64.b64decode(data))).shape[1] > 500


def test_markdown(tmp_path, found):
    audit_report.write_markdown(tmp_path / "out.md", "my_corpus", found)
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "# Shortcut audit: my\\_corpus\n" in text and "* The corpus can be cheated: duration alone" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(NUISANCES) + 2 + len(CLASSIFIERS) + 1
    assert "<img" not in text.replace("\\<img", "") and "\\|\\`\\*" in text


def test_figure(found):
    figure = audit_report.nuisance_bars(found.nuisances)
    (ax,) = figure.axes
    bars = ax.patches[:3]
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx([0.93, 0.8, 0.7])
    assert [to_hex(bar.get_facecolor()) for bar in bars] == ["#0173b2", "#949494", "#0173b2"]
    assert [label.get_text() for label in ax.get_yticklabels()][:3] == ["duration", "file name", "level"]
    assert ax.yaxis_inverted()
    low, high = ax.collections[0].get_segments()[0][:, 0]
    assert (low, high) == (pytest.approx(0.9), pytest.approx(0.95))


# The command


@pytest.fixture
def tree(for_tree):
    """Fakes at a tenth of the level of real clips."""
    root = for_tree(per_class=25)
    for path in root.rglob("fake/*.wav"):
        sf.write(path, np.float32(0.1) * sf.read(path, dtype="float32")[0], 16000)
    return root


def test_command(capsys, tmp_path, tree):
    html, markdown = tmp_path / "out.html", tmp_path / "out.md"
    for _ in range(2):  # its own files are replaced
        assert main(["audit", str(tree), "--html", str(html), "--markdown", str(markdown)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith("for-norm: 25 real and 25 fake clips")
    assert "The corpus can be cheated: level alone" in out and "fakes are quieter" in " ".join(out.split())
    assert "level alone" in html.read_text() and "level alone" in markdown.read_text()


def test_command_tells_of_bad_clips(capsys, tree):
    path = next(tree.rglob("testing/fake/*.wav"))
    path.write_bytes(b"no sound")
    assert main(["audit", str(tree)]) == 2
    out, err = capsys.readouterr()
    assert "1 clips could not be read" in out
    assert err.startswith(f"fakeorreal: {path}: cannot be decoded") and err.count("\n") == 1


@pytest.mark.parametrize("option", ["--html", "--markdown"])
def test_command_leaves_other_files_alone(capsys, tmp_path, tree, option):
    (tmp_path / "notes").write_text("mine")
    assert main(["audit", str(tree), option, str(tmp_path / "notes")]) == 2
    assert "is no page of fakeorreal" in capsys.readouterr().err
    assert (tmp_path / "notes").read_text() == "mine"
