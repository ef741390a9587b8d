"""The study from corpus to notebooks, at profile ``smoke`` on a tiny corpus in FoR's layout."""

import json
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from locator_double import write_tones

from fakeorreal import audio, notebooks, tables
from fakeorreal.errors import FakeOrRealError
from fakeorreal.study import Study
from fakeorreal.systems import FOR_SYSTEMS, PROFILES, SYSTEMS, get_profile, get_system

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_speech):
    """A folder like the repository, with a FoR of 6 utterances per split and class; fakes lack high frequencies."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(REPOSITORY / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns(".*"))
    rows = []
    for version, seconds in (("for-norm", 2.6), ("for-2sec", 2.0), ("for-rerec", 2.0)):
        for s, split in enumerate(("training", "validation", "testing")):
            for label in ("real", "fake"):
                for k in range(6):
                    y = make_speech(seconds, 16000, f0=90 + 20 * k + 7 * s, seed=100 * s + 10 * k + len(version))
                    if label == "fake":
                        y = np.convolve(y, np.ones(9) / 9, "same")
                    clip = f"{version}/{split}/{label}/file{k}.wav"
                    audio.write(home / "FoR" / clip, y, sr=16000)
                    generator = "human" if label == "real" else f"engine{k % 3}"
                    rows.append(
                        {
                            "clip": clip,
                            "label": label,
                            "split": split,
                            "group": f"{split}/{k}",
                            "generator": generator,
                            "speaker": generator,
                            "language": "en",
                        }
                    )
    pd.DataFrame(rows).to_csv(home / "FoR" / "manifest.csv", index=False)
    return home


@pytest.fixture
def study(home, monkeypatch):
    monkeypatch.chdir(home / "notebooks")
    return Study("smoke", home / "FoR")


def test_profile_and_data_come_from_the_environment(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_PROFILE", "smoke")
    monkeypatch.setenv("FAKEORREAL_DATA", str(home / "FoR"))
    study = Study()
    assert (study.profile.name, study.corpus_name, study.home) == ("smoke", "FoR", home)
    assert study.results == home / "results" / "FoR-smoke"


@pytest.mark.parametrize("lookup", [get_profile, get_system])
def test_unknown_names_are_errors(lookup):
    with pytest.raises(FakeOrRealError, match="Received: 'quick'"):
        lookup("quick")


def test_every_budget_names_known_systems_and_increasing_marks():
    for profile in PROFILES.values():
        assert set(profile.special) <= set(SYSTEMS)
        for budget in (profile.default, *profile.special.values()):
            assert list(budget.marks) == sorted(set(budget.marks))
        assert all(profile.budget(name).seeds for name in FOR_SYSTEMS)


def test_runs_are_read_back_and_not_repeated(study, monkeypatch):
    first = study.run("logistic_regression", "dnn")
    assert set(first["dataset"]) == {"for-norm", "for-2sec", "for-rerec", "for-combined"}
    assert set(first.loc[first["system"] == "dnn", "epochs"]) == {1.0, 2.0}
    assert first.loc[first["system"] == "logistic_regression", "epochs"].isna().all()
    monkeypatch.setattr("fakeorreal.experiments._scores", lambda *a: pytest.fail("computed again"))
    again = Study("smoke", study.data).run("logistic_regression", "dnn")
    pd.testing.assert_frame_equal(first, again)


def test_no_clip_of_training_is_scored_and_no_group_straddles(study):
    scores = study.run("logistic_regression")
    assert set(scores["split"]) == {"validation", "testing"}
    assert scores.groupby(["dataset", "group"])["split"].nunique().max() == 1


def test_a_changed_clip_makes_a_new_run(study, home, tmp_path):
    copy = shutil.copytree(home / "FoR", tmp_path / "FoR")
    changed = Study("smoke", copy)
    before = study.run_folder("logistic_regression", "for-norm", 0)
    assert changed.run_folder("logistic_regression", "for-norm", 0) == before
    path = copy / "for-norm" / "training" / "fake" / "file0.wav"
    audio.write(path, 0.5 * audio.read(path, sr=16000), sr=16000)
    assert Study("smoke", copy).run_folder("logistic_regression", "for-norm", 0) != before


def test_long_clips_are_cut_into_windows_and_scored_as_one(study):
    training = study.features("custom_cnn", "for-norm", "training")
    assert len(training) == 12  # 2.6 s: the rest of 0.6 s is left off
    scores = study.run("custom_cnn")
    norm = scores[(scores["dataset"] == "for-norm") & (scores["epochs"] == 2) & (scores["split"] == "testing")]
    assert len(norm) == 12 and not norm["clip"].str.contains("#").any()


def test_an_unreadable_clip_is_left_out_and_named(home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    copy = shutil.copytree(home / "FoR", tmp_path / "FoR")
    (copy / "for-2sec" / "training" / "fake" / "file3.wav").write_text("not audio")
    features = Study("smoke", copy).features("dnn", "for-2sec", "training")
    assert len(features) == 11
    assert "left out for-2sec/training/fake/file3.wav" in capsys.readouterr().out


def test_all_notebooks_run_and_a_second_pass_changes_nothing(home, make_wavefake, tmp_path, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_WAVEFAKE", str(make_wavefake(tmp_path)))
    monkeypatch.setenv("FAKEORREAL_FAKESOUND", str(write_tones(tmp_path / "FakeSound", pairs=4, seconds=8.0)))
    monkeypatch.setenv("FAKEORREAL_PROFILE", "smoke")
    monkeypatch.setenv("FAKEORREAL_DATA", str(home / "FoR"))
    notebooks.run_all(home / "notebooks", progress=False)
    kinds = ("results/**/*.csv", "results/**/*.md", "Images/**/*.png", "notebooks/*.ipynb")
    made = {p: p.read_bytes() for kind in kinds for p in sorted(home.glob(kind))}
    assert {p.stem for p in made} >= {
        "table_1_clips",
        "table_2_combined",
        "table_4_custom_cnn",
        "dnn",
        "benchmark",
        "det",
        "generators",
        "fingerprints",
        "localisation_sets",
        "leaderboard",
        "robustness",
        "trust_audit",
        "trust_matrix",
        "trust_left_out",
    }
    benchmark = pd.read_csv(home / "results" / "FoR-smoke" / "benchmark.csv")
    assert set(benchmark["system"]) == set(FOR_SYSTEMS)
    blocks = home.glob("data/features/[A-Z]*/*.json")
    rows = [(block.parent.name, key) for block in blocks for key in json.loads(block.read_text())]
    assert rows and len(rows) == len(set(rows))  # no notebook computed what another had
    kept = written(home)
    notebooks.run_all(home / "notebooks", progress=False)
    assert written(home) == kept
    changed = {p: data for p, data in made.items() if p.read_bytes() != data}
    assert not changed, "\n".join(first_difference(p, data) for p, data in changed.items())


def written(home):
    """When each feature, score and network was written; those of an earlier pass are read and not computed again."""
    return {p: p.stat().st_mtime_ns for kind in ("features/*/*", "runs/*/*/*") for p in home.glob(f"data/{kind}")}


def first_difference(path, before):
    lines = zip(before.splitlines(), path.read_bytes().splitlines(), strict=False)
    return f"{path}: " + next((f"{old!r} became {new!r}" for old, new in lines if old != new), "other length")


def test_a_failing_cell_is_named_and_leaves_the_notebook_alone(tmp_path):
    path = tmp_path / "01_bad.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(FakeOrRealError, match=r"01_bad\.ipynb: a cell failed.*ZeroDivisionError"):
        notebooks.run_all(tmp_path, progress=False)
    assert path.read_bytes() == before


def test_what_is_printed_is_one_output_wherever_the_error_stream_cut_it(tmp_path):
    source = "import sys, time\nfor name in ('stdout', 'stderr', 'stdout'):\n    print(name, file=getattr(sys, name))"
    source += "\n    getattr(sys, name).flush()\n    time.sleep(0.1)"
    path = tmp_path / "01_prints.ipynb"
    cells = [nbformat.v4.new_code_cell(text) for text in (source, "")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    ((name, cell, seconds),) = notebooks.run_all(tmp_path, progress=False)
    (output,) = nbformat.read(path, as_version=4).cells[0].outputs  # the second cell is empty
    assert output.text == "stdout\nstdout\n" and (name, cell) == ("01_prints", 0) and 0.3 < seconds < 30


def test_only_the_notebooks_asked_for_are_run(tmp_path):
    for name in ("01_good", "02_bad"):
        cell = nbformat.v4.new_code_cell("1 / (2 - 1)" if name == "01_good" else "1 / 0")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    notebooks.run_all(tmp_path, "01", progress=False)
    assert nbformat.read(tmp_path / "01_good.ipynb", as_version=4).cells[0].outputs
    with pytest.raises(FakeOrRealError, match="holds no notebook whose name begins with '03'"):
        notebooks.run_all(tmp_path, "03")


def test_a_folder_without_notebooks_is_an_error(tmp_path):
    with pytest.raises(FakeOrRealError, match="holds no notebook"):
        notebooks.run_all(tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_thin_clean_and_carry_their_results(path):
    notebook = nbformat.read(path, as_version=4)
    stored = json.dumps(notebook)
    assert json.dumps(notebooks.clean(notebook)) == stored
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(notebook.cells) <= 30
    assert notebook.cells[0].cell_type == "markdown" and "What this does not show" in notebook.cells[-1].source
    assert all(cell.source.count("\n") < 16 and "def " not in cell.source for cell in code)
    outputs = [out for cell in code for out in cell.outputs]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert not [out for out in outputs if out.output_type == "error"]


def test_tables_name_their_corpus_and_profile(study):
    study.save_table(pd.DataFrame({"accuracy": [50.0]}), "x", "A table.")
    assert "Corpus: FoR; profile: smoke." in (study.results / "x.md").read_text()
    assert tables.DATASETS == ("for-norm", "for-2sec", "for-rerec", "for-combined")
