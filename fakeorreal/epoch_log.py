"""The log of a training: what is measured after every epoch, and the learning rate that follows from it."""

import math

import numpy as np

from fakeorreal import metrics

CUT = 0.1  # of the learning rate, at a plateau


def measures(labels, logits, penalty=0.0):
    """What a network is worth on some clips; fake is the positive class, and a logit of 0 or more calls a clip fake.

    ``log_loss`` is the binary cross-entropy in nats, the mean over the clips; ``loss`` is what training makes small:
    the same, and the penalty on the weights, which most networks do without.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        logits: of fake, shape (n,).
        penalty: what the regularisers of the network add to the loss.

    Returns:
        dict of floats and counts: ``loss, accuracy, mcc, f1, log_loss, tn, fp, fn, tp, precision, recall, auc``;
        NaN where one is not defined, as a precision when nothing is called fake.
    """
    labels, logits = np.asarray(labels, int), np.asarray(logits, float)
    log_loss = float(np.mean(np.logaddexp(0, logits) - labels * logits))
    tn, fp, fn, tp = np.bincount(2 * labels + (logits >= 0), minlength=4).tolist()
    defined = 0 < tp + fn < len(labels) and np.isfinite(logits).all()
    return {
        "loss": log_loss + penalty,
        "accuracy": (tp + tn) / len(labels),
        "mcc": _ratio(tp * tn - fp * fn, math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "log_loss": log_loss,
        **{"tn": tn, "fp": fp, "fn": fn, "tp": tp},
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "auc": metrics.auc(labels, logits) if defined else math.nan,
    }


def plateau_rate(base, val_losses, patience):
    """Learning rate of the next epoch: a tenth of it remains each time the validation loss has found no new low.

    It depends on the log alone, so that a training which goes on after an interruption repeats it.

    Args:
        base: rate of the first epoch.
        val_losses: validation loss of every epoch so far.
        patience: epochs without a new low, since the last one or the last cut, that bring a cut; 0 for none ever.

    Returns:
        float.

    Source: ``ReduceLROnPlateau`` of Keras with ``min_delta=0``. AI-SPY attached its own, of patience 10, to an
    optimiser that it then replaced, so that its rate never changed.
    """
    rate, lowest, waited = base, math.inf, 0
    for loss in val_losses:
        waited = 0 if loss < lowest else waited + 1
        lowest = min(lowest, loss)
        if patience and waited == patience:
            rate, waited = rate * CUT, 0
    return rate


def _ratio(part, whole):
    return part / whole if whole else math.nan
