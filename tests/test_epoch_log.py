"""The measures of an epoch against scikit-learn, and the learning rate against the schedule of Keras."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics

from fakeorreal.epoch_log import measures, plateau_rate

NAN = float("nan")


def scikit_learn(labels, logits):
    called = (logits >= 0).astype(int)
    both = len(set(labels)) == 2
    tn, fp, fn, tp = metrics.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()
    log_loss = metrics.log_loss(labels, 1 / (1 + np.exp(-logits)), labels=[0, 1])
    return {
        "loss": log_loss,
        "accuracy": metrics.accuracy_score(labels, called),
        "mcc": metrics.matthews_corrcoef(labels, called) if both and len(set(called)) == 2 else NAN,
        "f1": metrics.f1_score(labels, called, zero_division=NAN),
        "log_loss": log_loss,
        **{"tn": tn, "fp": fp, "fn": fn, "tp": tp},
        "precision": metrics.precision_score(labels, called, zero_division=NAN),
        "recall": metrics.recall_score(labels, called, zero_division=NAN),
        "auc": metrics.roc_auc_score(labels, logits) if both else NAN,
    }


@pytest.mark.parametrize(
    ("labels", "logits"),
    [
        (np.arange(200) % 2, np.random.default_rng(0).normal(size=200) + np.arange(200) % 2),
        (np.arange(200) % 5 // 4, np.random.default_rng(1).normal(size=200).round()),  # few fakes, many ties
        (np.array([0, 1, 1]), np.array([-2.0, 3.0, 0.0])),  # all right, one at the threshold
        (np.array([0, 0, 1]), np.array([-1.0, -2.0, -3.0])),  # nothing called fake
        (np.array([0, 0, 0]), np.array([-1.0, 2.0, -3.0])),  # no fake there
        (np.array([0, 0]), np.array([-1.0, -3.0])),  # neither
        (np.array([1, 1]), np.array([1.0, -3.0])),  # no real clip
    ],
)
def test_measures_are_those_of_scikit_learn(labels, logits):
    found, wanted = measures(labels, logits), scikit_learn(labels, logits)
    assert list(found) == list(wanted)
    assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True)


def test_a_batch_of_any_size_counts_by_its_clips():
    parts = [measures([1], [-1.0]), measures([0, 0, 0], [-1.0, -1.0, 2.0])]
    whole = measures([1, 0, 0, 0], [-1.0, -1.0, -1.0, 2.0])
    assert whole["loss"] == pytest.approx((parts[0]["loss"] + 3 * parts[1]["loss"]) / 4)


def test_the_penalty_is_in_the_loss_alone():
    plain, penalised = (measures([0, 1], [0.5, 1.0], penalty) for penalty in (0.0, 2.0))
    assert penalised == {**plain, "loss": pytest.approx(plain["loss"] + 2)}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("logits", [[800.0, -800.0], [NAN, 1.0]])
def test_a_network_gone_astray_is_measured_too(logits):
    found = measures([0, 1], logits)
    assert np.isnan(found["loss"]) if np.isnan(logits).any() else found["loss"] == 800


@pytest.mark.parametrize("patience", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_the_rate_is_that_of_keras(patience, seed):
    import keras

    losses = np.random.default_rng(seed).exponential(size=40).tolist()
    optimizer = SimpleNamespace(learning_rate=0.5)
    schedule = keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=patience, min_delta=0, min_lr=0)
    schedule.set_model(SimpleNamespace(optimizer=optimizer))
    schedule.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        rates.append(plateau_rate(0.5, losses[:epoch], patience))
        assert rates[-1] == pytest.approx(optimizer.learning_rate, rel=1e-6)
        schedule.on_epoch_end(epoch, {"val_loss": loss})
    assert rates[-1] < rates[0]


def test_the_rate_by_hand():
    losses = [3.0, 2.0, 2.5, 2.0, 1.0, 1.5, NAN, 1.5, 0.5]
    rates = [plateau_rate(1.0, losses[:epoch], 2) for epoch in range(len(losses) + 1)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])
    assert plateau_rate(1.0, [1.0] * 50, 0) == 1.0
