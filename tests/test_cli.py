import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

import fakeorreal
from fakeorreal.cli import main
from fakeorreal.corpora import for_dataset, prompts_build

HEAVY = ("tensorflow", "keras", "librosa", "matplotlib", "sklearn", "pandas", "scipy", "numpy", "av", "xgboost")


def python(*arguments, **environment):
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Away from the repository, whose data would be found from within it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FAKEORREAL_DATA", raising=False)


def one_line_on_stderr(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fakeorreal: ") and err.endswith("\n") and err.count("\n") == 1
    return err


@pytest.fixture
def few_clips(for_tree, monkeypatch):
    """A tree of for-norm that has as many clips as were published."""
    counts = for_dataset.PUBLISHED_COUNTS.copy()
    counts[["real", "fake"]] = 2
    monkeypatch.setattr(for_dataset, "PUBLISHED_COUNTS", counts)
    return for_tree()


# Commands that need data


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_unknown_folder(capsys, tmp_path, command):
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert str(tmp_path / "nowhere") in one_line_on_stderr(capsys)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_no_data_at_all(capsys, command):
    assert main([command]) == 2
    assert "Run `fakeorreal build-prompts`" in one_line_on_stderr(capsys)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_empty_folder(capsys, tmp_path, command):
    assert main([command, str(tmp_path)]) == 2
    assert str(tmp_path) in one_line_on_stderr(capsys)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_unknown_dataset(capsys, few_clips, command):
    assert main([command, str(few_clips), "--dataset", "for-nothing"]) == 2
    assert "for-nothing" in one_line_on_stderr(capsys)


def test_validate_sound_data(capsys, few_clips):
    assert main(["validate", str(few_clips)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert len([line for line in out.splitlines() if line.lstrip().startswith("for-norm") and line.endswith("ok")]) == 6
    assert "All is well." in out


def test_validate_finds_what_is_wrong(capsys, few_clips):
    path = next((few_clips / "for-norm" / "testing" / "fake").iterdir())
    path.write_bytes(b"no sound")
    assert main(["validate", str(few_clips)]) == 2
    out = capsys.readouterr().out
    assert f"{path}: cannot be decoded" in out and "1 unreadable" in out and "There are problems" in out


def test_validate_counts(capsys, for_tree):
    assert main(["validate", str(for_tree())]) == 2  # two clips where thousands were published
    assert "count differs by -26939" in capsys.readouterr().out


def test_validate_named_versions(capsys, for_tree):
    root = for_tree(versions=("for-norm", "for-2sec"))
    main(["validate", str(root), "--dataset", "for-2sec"])
    out = capsys.readouterr().out
    assert "for-2sec" in out and "for-norm" not in out.replace(str(root), "")
    main(["validate", str(root), "--dataset", "for-2sec", "--dataset", "for-norm"])
    out = capsys.readouterr().out
    assert "for-2sec" in out and "for-norm" in out


def test_the_data_folder_may_come_from_the_environment(capsys, few_clips, monkeypatch):
    monkeypatch.setenv("FAKEORREAL_DATA", str(few_clips))
    assert main(["validate"]) == 0


def test_audit(capsys, for_tree):
    root = for_tree(per_class=30)
    for path in root.rglob("fake/*.wav"):  # an obvious shortcut
        sf.write(path, np.float32(0.1) * sf.read(path, dtype="float32")[0], 16000)
    assert main(["audit", str(root)]) == 0
    table = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    table = {name.strip(): value for name, value in table.items()}
    assert table["measure"] == "for-norm"
    assert float(table["level"]) == 0
    assert float(table["duration"]) == 0.5
    assert float(table["all together"]) > 0.95


def test_audit_of_nothing_readable(capsys, for_tree):
    root = for_tree()
    for path in root.rglob("*.wav"):
        path.write_bytes(b"no sound")
    assert main(["audit", str(root)]) == 2
    assert "readable clips" in one_line_on_stderr(capsys)


def test_build_prints_the_manifest(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(prompts_build, "build", lambda folder: folder / "manifest.csv")
    assert main(["build-prompts", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'manifest.csv'}\n"


def test_build_without_engines(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["build-prompts", str(tmp_path / "data" / "prompts")]) == 2
    assert "espeak-ng, flite, festival are not installed. Run: sudo apt-get install" in one_line_on_stderr(capsys)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/data/x"), OSError(28, "No space left")])
def test_what_the_system_refuses_is_one_line(capsys, tmp_path, monkeypatch, error):
    def build(folder):
        raise error

    monkeypatch.setattr(prompts_build, "build", build)
    assert main(["build-prompts", str(tmp_path)]) == 2
    assert str(error) in one_line_on_stderr(capsys)


def test_study_without_notebooks(capsys, tmp_path):
    assert main(["study", "--notebooks", str(tmp_path / "nowhere")]) == 2
    assert str(tmp_path / "nowhere") in one_line_on_stderr(capsys)


# The command itself


@pytest.mark.parametrize("arguments", [[], ["paint"], ["validate", "a", "b"], ["audit", "--loud"]])
def test_wrong_use(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: fakeorreal" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["build-prompts", "validate", "audit", "study"])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: fakeorreal {command}" in capsys.readouterr().out


def test_run_as_a_module():
    result = python("-m", "fakeorreal", "--version")
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, fakeorreal.__version__, "")
    result = python("-m", "fakeorreal", "validate", "nowhere")
    assert (result.returncode, result.stdout) == (2, "")
    assert "nowhere" in result.stderr and "Traceback" not in result.stderr


# Imports


def test_the_package_and_its_command_are_light():
    script = f"""
import sys, time
start = time.process_time()
import fakeorreal, fakeorreal.cli
print(time.process_time() - start)
print([name for name in {HEAVY} if name in sys.modules])
fakeorreal.FakeOrRealError
print([name for name in {HEAVY} if name in sys.modules])
"""
    result = python("-c", script)
    seconds, after_import, after_error = result.stdout.splitlines()
    assert float(seconds) < 0.1
    assert after_import == after_error == "[]"


def test_corpora_and_synthesis_need_no_tensorflow():
    script = """
import sys
import fakeorreal.audit, fakeorreal.corpora, fakeorreal.corpora.prompts_build
print([name for name in ("tensorflow", "keras", "matplotlib", "xgboost") if name in sys.modules])
"""
    assert python("-c", script).stdout.strip() == "[]"


def test_public_names():
    assert set(fakeorreal.__all__) <= set(dir(fakeorreal))
    assert fakeorreal.load_corpus is for_dataset.load
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        fakeorreal.nonsense  # noqa: B018
