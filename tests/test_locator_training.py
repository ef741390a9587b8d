"""From a folder of edited clips to a frozen localiser, with a network that needs no training."""

import json

import numpy as np
import pytest
from locator_double import tone_network, with_tones, write_tones

from fakeorreal import calling, locator_training
from fakeorreal.cli import main
from fakeorreal.locator import load_locator
from fakeorreal.locator_training import EVERY, train_locator

SECONDS, PAIRS = 6.0, 3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("corpus") / "tones", pairs=PAIRS, seconds=SECONDS)


@pytest.fixture
def given(monkeypatch):
    """What trainings were given; each hands out the network that knows tones, but for one that is told to fail."""
    trainings = []

    def fit(options, training, validation, regions, *, epochs, seed, folder):
        trainings.append((set(training.corpus["split"]), set(validation.corpus["split"]), epochs, seed, folder))
        folder.mkdir(parents=True, exist_ok=True)
        if epochs == 99:
            raise KeyboardInterrupt
        return tone_network(), None

    monkeypatch.setattr(locator_training, "fit_localizer", fit)
    monkeypatch.setattr(calling, "THRESHOLDS", 20)
    return trainings


def test_what_is_frozen_finds_edits_and_was_chosen_on_validation(corpus, given, tmp_path):
    locator, chosen = train_locator(corpus, tmp_path / "out", cache=tmp_path / "cache", epochs=3, seed=5)
    ((training, validation, epochs, seed, state),) = given
    assert (training, validation, epochs, seed) == ({"training"}, {"validation"}, 3, 5)
    assert chosen.f1 == 100 and not state.exists()
    location = load_locator(tmp_path / "out").locate(with_tones(12.0, [(7.0, 9.0)]), sr=16000)
    assert np.array([region[:2] for region in location.regions]) == pytest.approx(np.array([[7.0, 9.0]]), abs=0.3)
    settings = json.loads((tmp_path / "out" / "locator.json").read_text())
    frames = 2 * PAIRS * round(50 * SECONDS / EVERY)
    assert settings["calibration"]["from"] == f"Platt scaling on {frames} frames"
    assert settings["threshold_from"] == f"best mean F1 over the harder methods of {2 * PAIRS} validation clips"
    assert locator.regions == {name: getattr(chosen, name) for name in ("median", "least", "gap")}


def test_a_training_that_was_killed_is_found_again_and_others_are_not(corpus, given, tmp_path):
    for epochs, seed in ((99, 0), (99, 0), (99, 1)):
        with pytest.raises(KeyboardInterrupt):
            train_locator(corpus, tmp_path / "out", cache=tmp_path / "cache", epochs=epochs, seed=seed)
    first, again, other = (training[-1] for training in given)
    assert first == again != other and not (tmp_path / "out").exists()


def test_the_command(corpus, given, tmp_path, capsys):
    arguments = ["train-locator", str(corpus), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main([*arguments, "--epochs", "2"]) == 0
    assert given[0][2] == 2 and "F1 at 1 s 100 % on validation" in capsys.readouterr().out
    assert main(arguments) == 2
    assert "holds files already" in capsys.readouterr().err and len(given) == 1
