"""What the README promises is there, and its numbers are those of the committed results."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from fakeorreal import report
from fakeorreal.audit import SHORTCUT_LIMIT

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()


def committed(name):
    """A table as it was committed: made again on another processor, it may differ from the README."""
    path = REPOSITORY / "results" / f"{name}.csv"
    changed = ["git", "-C", str(REPOSITORY), "diff", "--quiet", "HEAD", "--", str(path)]
    if subprocess.run(changed, stderr=subprocess.DEVNULL).returncode == 1:  # 128 or more: no repository
        pytest.skip(f"{path.name} was made again here")
    return pd.read_csv(path)


def test_every_linked_file_and_picture_is_there():
    pages = [REPOSITORY / "README.md", REPOSITORY / "data" / "README.md", REPOSITORY / "results" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page}: {target}"


def test_numbers_are_those_of_the_benchmark():
    benchmark = report.last_epochs(committed("benchmark"))
    lines = {line.split("|")[1].strip(): line for line in README.splitlines() if line.startswith("| `")}
    for row in benchmark.itertuples():
        if row.system == "custom_cnn_published":
            continue  # a few training clips: the table there says so
        expected = f"{row.eer:.1f} [{row.eer_low:.1f}, {row.eer_high:.1f}]"
        assert expected in lines[f"`{row.system}`"], (row.system, row.dataset, expected)


def test_numbers_are_those_of_the_detector():
    table = committed("detector_summary")
    for row in table[table["split"] == "testing"].itertuples():
        assert f"| {row.eer:.1f} [{row.eer_low:.1f}, {row.eer_high:.1f}] |" in README, row.condition
        if row.condition == "clean":
            assert f"mixed sources alone the EER is {row.eer_mixed:.1f} %" in README


def test_numbers_are_those_of_the_generators():
    averages = committed("generators")
    seen = committed("generators_one_by_one").query("seen").set_index("system")
    for row in averages.itertuples():
        one = seen.loc[row.system]
        cells = [f"{one.eer:.1f} [{one.eer_low:.1f}, {one.eer_high:.1f}]"]
        cells.append(f"{row.aeer:.1f} [{row.aeer_low:.1f}, {row.aeer_high:.1f}]")
        assert f"| `{row.system}` | {' | '.join(cells)} |" in README


def test_numbers_are_those_of_the_generators_with_five_seeds():
    seen = committed("vocoded-prompts-full/generators_one_by_one").query("seen").set_index("system")
    for row in committed("vocoded-prompts-full/generators").itertuples():
        one = seen.loc[row.system]
        cells = [f"{one.eer:.1f} ± {one.eer_sd:.1f}"]
        cells.append(f"{row.aeer:.1f} ± {row.aeer_sd:.1f} [{row.aeer_low:.1f}, {row.aeer_high:.1f}]")
        assert f"| `{row.system}` | {' | '.join(cells)} |" in README
    matrix = committed("vocoded-prompts-full/generators_matrix").set_index(["trained_on", "generator"])["eer"]
    there, back = matrix["cepstral", "harmonic-noise"], matrix["harmonic-noise", "cepstral"]
    assert f"at {there:.1f} % and the other way round at\n{back:.1f} %" in README


def test_numbers_are_those_of_cnn_and_transformers():
    for row in committed("spy_systems").dropna(subset="eer").itertuples():
        cells = [f"{row.parameters:,}", f"{row.n_training:,.0f}"]
        cells += [f"{row.eer:.1f} [{row.eer_low:.1f}, {row.eer_high:.1f}]", f"{row.auc:.2f}", f"{row.mcc:.2f}"]
        assert f"| `{row.system}` | {' | '.join(cells)} |" in README


def test_numbers_are_those_of_speakers_never_heard():
    for row in committed("wild_systems").query("threshold == 'validation'").itertuples():
        cells = [row.level, f"{row.eer:.1f} [{row.eer_low:.1f}, {row.eer_high:.1f}]", f"{row.auc:.2f}"]
        cells += [f"{row.accuracy:.1f}", f"{row.majority:.1f}"]
        assert f"| `{row.system}` | {' | '.join(cells)} |" in README
    eers, splits = committed("wild_speakers").set_index("speaker")["eer"], committed("wild_splits").set_index("scheme")
    assert f"is {eers.mean():.1f} ± {eers.std():.1f} %, the worst {eers.idxmax()} with {eers.max():.1f} %" in README
    shown = f"{splits.loc['recording', 'eer']:.1f} % where one\nby speaker shows {splits.loc['speaker', 'eer']:.1f} %"
    assert shown in README


def test_numbers_are_those_of_localisation():
    table = committed("localisation_sets")
    for row in table.itertuples():
        cells = [f"{row.f1_1s:.1f} [{row.f1_1s_low:.1f}, {row.f1_1s_high:.1f}]"]
        cells += [f"{row.iou:.1f}", f"{row.called_real:.1f}"]
        assert f"| {row.test_set} | {row.system} | {' | '.join(cells)} |" in README
    gain = table.query("test_set == 'zeroshot' and system == 'shipped localiser'").iloc[0]
    assert f"{gain['gain']:.1f} points [{gain['gain_low']:.1f}, {gain['gain_high']:.1f}]" in README


def test_numbers_are_those_of_damage_and_trust():
    summary = committed("robustness_summary").query("family == 'all'").set_index("system")
    for system, words in (("custom_cnn", "`custom_cnn` {} → {} % EER"), ("detector", "the shipped detector {} → {} %")):
        row = summary.loc[system]
        assert words.format(f"{row.eer_clean:.1f}", f"{row.eer_robust:.1f}") in README
    left_out = committed("trust_left_out").set_index("value")
    for value, words in (("griffin-lim", "Griffin-Lim"), ("espeak-ng", "espeak-ng"), ("it", "Italian")):
        row = left_out.loc[value]
        assert f"{words} {row.eer_heard:.1f} → {row.eer_unheard:.1f} %" in README
    calibration = committed("trust_calibration").set_index("system").loc["dnn"]
    assert f"from an ECE of {calibration.ece:.1f} to {calibration.ece_scaled:.1f} %" in README
    meanings = committed("trust_significance")["meaning"].value_counts()
    assert f"{meanings['differ']} of {meanings.sum()} pairs differ, {meanings['open']} are open" in README


def test_numbers_are_those_of_speed():
    times = committed("benchmarks").set_index("what")["times"]
    packets = sorted(times[f"log wavelet packets, {name}"] for name in ("haar", "sym5", "coif4"))
    cnn, torch = (
        committed("custom_cnn_speed").set_index("computed by").loc[name]
        for name in ("fit_network, bfloat16", "PyTorch, bfloat16")
    )
    loop = "a plain loop of librosa"
    for cell in (
        f"log-mel spectrograms on disk, 2 processes | {loop} | {times['extract, LogMel, 2 processes']:.1f}",
        f"hand-crafted vectors on disk, 2 processes | {loop} | {times['extract, Handcrafted, 2 processes']:.1f}",
        f"| `pywt.WaveletPacket` | {packets[0]:.1f} to {packets[-1]:.1f}",
        f"batches of 32 | {cnn['times as fast']:.1f}; of processor time {cnn['times less processor time']:.1f}",
        f"| PyTorch in bfloat16, batches of 32 | {cnn['clips per second'] / torch['clips per second']:.2f}",
        f"| `librosa.load` and Keras | {times['folder of 200 WAV files of 10 s']:.1f}",
    ):
        assert f"{cell} |" in README
    memory = committed("memory").set_index(["what", "clips"])["peak memory (MB)"]
    few, many = (f"{memory['extract', clips]:.0f} MB" for clips in (1000, 100_000))
    assert f"takes {few} of memory for 1,000 clips and\n{many} for 100,000" in README
    half = committed("fast_training").query("dataset == 'all' and measure == 'eer'").iloc[0]
    assert f"by {half.change:.1f} points\n[{half.change_low:.1f}, {half.change_high:.1f}]" in README


def test_trivial_measures_do_not_tell_real_from_fake():
    shortcuts = committed("shortcuts").set_index("measure")
    assert (shortcuts.loc["all together"] <= SHORTCUT_LIMIT).all()


def test_every_table_and_notebook_is_explained():
    explained = (REPOSITORY / "results" / "README.md").read_text()
    for path in (REPOSITORY / "results").glob("*.csv"):
        assert f"`{path.stem}`" in explained, path.name
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{path.name}" in README


def test_engines_of_the_makefile_are_those_of_the_package():
    from fakeorreal.synthesis.tts import DEBIAN_PACKAGES

    for text in ((REPOSITORY / "Makefile").read_text(), README):
        assert all(re.search(rf"\b{re.escape(name)}\b", text) for name in DEBIAN_PACKAGES)


def test_dependencies_are_named_once():
    environment = (REPOSITORY / "environment.yml").read_text()
    assert "-e .[test]" in environment and "numpy" not in environment
