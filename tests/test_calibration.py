"""Calibration against closed forms, hand counts, scikit-learn and SciPy."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from fakeorreal import calibration, metrics
from fakeorreal.errors import FakeOrRealError


def draw(n, *, d=1.0, sd=1.0, share=0.5, seed=0):
    """Scores of two normal distributions with means -d and d: their log-likelihood ratio is 2 d score / sd^2."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < share * n).astype(int)
    return labels, rng.normal(np.where(labels, d, -d), sd)


# Platt scaling


@pytest.mark.parametrize(("d", "sd", "share"), [(1, 1, 0.5), (1, 2, 0.5), (0.5, 1, 0.1), (2, 3, 0.9)])
def test_platt_finds_the_likelihood_ratio_whatever_the_share_of_fakes(d, sd, share):
    labels, scores = draw(200_000, d=d, sd=sd, share=share)
    scale, offset = calibration.platt(labels, scores)
    assert scale == pytest.approx(2 * d / sd**2, rel=0.03)
    assert offset == pytest.approx(0, abs=0.03)


def test_platt_minimises_its_cost():
    labels, scores = draw(60, share=0.3)
    target = np.where(labels == 1, 19 / 20, 1 / 44)  # 18 fakes, 42 real: (n + 1) / (n + 2), and the rest of it

    def cost(parameters):
        z = parameters[0] * scores + parameters[1]
        each = target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z)
        return each[labels == 1].mean() + each[labels == 0].mean()

    best = minimize(cost, [1, 0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert calibration.platt(labels, scores) == pytest.approx(tuple(best.x), abs=1e-4)


def test_platt_is_equivariant_and_mends_cllr():
    labels, scores = draw(500)
    scale, offset = calibration.platt(labels, scores)
    again = calibration.platt(labels, 5 * scores - 3)
    assert again == pytest.approx((scale / 5, offset + 3 * scale / 5), rel=1e-6)
    bad = 5 * scores - 3
    assert calibration.cllr(labels, again.scale * bad + again.offset) < 0.6 < 1 < calibration.cllr(labels, bad)


def test_platt_of_separated_classes_is_finite():
    scale, offset = calibration.platt([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])
    assert 0 < scale < 10 and offset == pytest.approx(0, abs=1e-6)


def test_platt_refuses_scores_that_fall():
    labels, scores = draw(100)
    with pytest.raises(FakeOrRealError, match="must rise with fake"):
        calibration.platt(labels, -scores)


# Cllr


def test_cllr_by_hand():
    # bits: log2(1 + 1/e^s) of fakes, log2(1 + e^s) of reals; with ratios 3, 1/3 and 1: log2(4/3), log2(4), 1
    ratio = np.log([1 / 3, 1, 3, 1 / 3])
    expected = (np.log2(4 / 3) + 1) / 2 / 2 + (np.log2(4 / 3) + np.log2(4)) / 2 / 2
    assert calibration.cllr([0, 0, 1, 1], ratio) == pytest.approx(expected)
    assert calibration.cllr([0, 1, 1], [0, 0, 0]) == 1
    assert calibration.cllr([0, 1], [-800, 800]) == 0
    assert calibration.cllr([0, 1], [800, -800]) == pytest.approx(800 / np.log(2))


def test_cllr_is_the_log_loss_of_balanced_classes_in_bits():
    labels, scores = draw(400)
    assert calibration.cllr(labels, scores) == pytest.approx(log_loss(labels, expit(scores)) / np.log(2))


@pytest.mark.parametrize(
    ("labels", "scores", "bits"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4], 0),
        ([0, 0, 1, 1], [4, 3, 2, 1], 1),
        ([0, 0, 1, 1], [7, 7, 7, 7], 1),
        # real 1, fake 2, real 3, fake 4: the middle two pool to even odds, 1 bit each, the outer two cost nothing
        ([0, 0, 1, 1], [1, 3, 2, 4], 0.5),
        # fakes 1 and 3, reals 0, 2 and 2: the fake at 1 pools with two of three reals, odds (1/2) : (2/3)
        ([0, 0, 0, 1, 1], [0, 2, 2, 1, 3], (np.log2(7 / 3) / 2 + 2 * np.log2(7 / 4) / 3) / 2),
    ],
)
def test_min_cllr_by_hand(labels, scores, bits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert calibration.min_cllr(labels, scores) == pytest.approx(bits, abs=1e-12)


def test_min_cllr_depends_on_order_only_and_is_the_least_of_all():
    labels, scores = draw(300, share=0.3)
    least = calibration.min_cllr(labels, scores)
    assert calibration.min_cllr(labels, 3 * scores**3 - 7) == pytest.approx(least)
    best = calibration.platt(labels, scores)
    assert 0 < least <= calibration.cllr(labels, best.scale * scores + best.offset)


# Reliability


def test_reliability_by_hand():
    # two bins; 2 real weigh 1/4 each, 4 fakes 1/8 each
    scores = logit([0.1, 0.2, 0.3, 0.6, 0.8, 0.9])
    table = calibration.reliability([0, 1, 1, 0, 1, 1], scores, bins=2)
    assert table["n_clips"].tolist() == [3, 3] and table["weight"].tolist() == [0.5, 0.5]
    assert table["probability"].tolist() == pytest.approx(
        [(2 * 0.1 + 0.2 + 0.3) / 4, (2 * 0.6 + 0.8 + 0.9) / 4], abs=1e-12
    )
    assert table["fake"].tolist() == [0.5, 0.5]
    expected = 0.5 * abs(0.7 / 4 - 0.5) + 0.5 * abs(2.9 / 4 - 0.5)
    assert calibration.ece([0, 1, 1, 0, 1, 1], scores, bins=2) == pytest.approx(expected)


def test_reliability_agrees_with_scikit_learn_on_balanced_classes():
    labels, scores = draw(1000, d=0.7)
    table = calibration.reliability(labels, scores)
    share, probability = calibration_curve(labels, expit(scores), n_bins=10, strategy="quantile")
    assert table["n_clips"].tolist() == [100] * 10
    np.testing.assert_allclose(table["fake"], share, atol=0.011)  # the edge of a bin may fall on either side
    np.testing.assert_allclose(table["probability"], probability, atol=0.011)
    expected = np.mean([abs(s - p) for s, p in zip(share, probability, strict=True)])
    assert calibration.ece(labels, scores) == pytest.approx(expected, abs=0.005)


def test_equal_scores_share_a_bin():
    labels = [0, 1, 1, 0, 1, 0]
    for order in (slice(None), slice(None, None, -1)):
        table = calibration.reliability(labels[order], [2, 2, 2, 2, 5, 1][order], bins=3)
        assert table["n_clips"].tolist() == [1, 5]  # the four at 2 reach past both edges
    assert calibration.ece([0, 1], [0, 0]) == 0
    assert calibration.ece([0, 1], [50, 50]) == pytest.approx(0.5)


def test_ece_of_calibrated_scores_is_small_and_of_overconfident_ones_is_not():
    labels, scores = draw(20_000, d=0.7, share=0.2)
    assert calibration.ece(labels, 1.4 * scores) < 0.015
    assert calibration.ece(labels, 10 * scores) > 0.1


# The unsure band


def brute_force(labels, scores, threshold, error):
    """(reach, share inside) of the smallest band outside which both classes err at most so often."""
    distance = np.unique(np.abs(scores - threshold))
    for reach in [0, *(distance[:-1] + distance[1:]) / 2]:
        outside = np.abs(scores - threshold) > reach
        wrong = (scores >= threshold) != labels
        if all(wrong[outside & (labels == label)].mean() <= error for label in (0, 1)):
            return reach, 1 - outside.mean()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_unsure_band_is_the_smallest_that_does(seed, threshold):
    labels, scores = draw(200, share=0.4, seed=seed)
    low, high, share = calibration.unsure_band(labels, scores, threshold)
    reach, inside = brute_force(labels, scores, threshold, 0.05)
    assert 0.05 < share < 0.95 and share == pytest.approx(inside)
    assert (low, high) == pytest.approx((threshold - reach, threshold + reach))
    decided = (scores <= low) | (scores >= high)
    assert share == pytest.approx(1 - decided.mean())
    rates = metrics.rates(metrics.confusion(labels[decided], scores[decided], threshold))
    assert min(rates["accuracy_real"], rates["accuracy_fake"]) >= 0.95


def test_unsure_band_by_hand():
    # Around 1, wrong are the fake at 0 and the real at 3; the next clips are 4 away.
    labels, scores = np.array([0, 0, 0, 1, 1, 1]), np.array([-5, -3, 3, 0, 5, 9])
    assert calibration.unsure_band(labels, scores, 1, error=0) == (-2, 4, 2 / 6)
    # one error in three of either class may stay
    assert calibration.unsure_band(labels, scores, 1, error=1 / 3) == (1, 1, 0)
    # without the fake 1 below, one real in three is still wrong
    assert calibration.unsure_band(labels, scores, 1, error=0.3) == (-2, 4, 2 / 6)
    # equally distant clips are in or out together
    assert calibration.unsure_band([0, 0, 1, 1], [-2, 1, -1, 2], 0, error=0) == (-1.5, 1.5, 0.5)


def test_unsure_band_that_cannot_be():
    with pytest.raises(FakeOrRealError, match=r"no band around 0 leaves at most 0.05"):
        calibration.unsure_band([0, 0, 1, 1], [1.0, 3.0, -1.0, 2.0], 0.0)


@pytest.mark.parametrize("function", [calibration.platt, calibration.cllr, calibration.min_cllr, calibration.ece])
def test_bad_scores_are_refused(function):
    with pytest.raises(FakeOrRealError, match="is fake"):
        function([0, 0], [1.0, 2.0])
    with pytest.raises(FakeOrRealError, match="finite"):
        function([0, 1], [np.nan, 2.0])


# Temperature scaling


def test_temperature_undoes_what_was_multiplied():
    labels, scores = draw(200_000)
    assert calibration.temperature(labels, 5 * 2 * scores) == pytest.approx(5, rel=0.02)  # the ratio is twice the score


def test_temperature_minimises_its_cost():
    labels, scores = draw(60, share=0.3)
    target = np.where(labels == 1, 19 / 20, 1 / 44)

    def cost(parameters):
        z = scores / parameters[0]
        each = target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z)
        return each[labels == 1].mean() + each[labels == 0].mean()

    best = minimize(cost, [1], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert calibration.temperature(labels, scores) == pytest.approx(best.x[0], abs=1e-4)


def test_temperature_of_separated_classes_is_positive_and_inverted_scores_have_none():
    assert 0 < calibration.temperature([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0]) < 10
    with pytest.raises(FakeOrRealError, match="scores must rise with fake"):
        calibration.temperature([0, 0, 1, 1], [2.0, 1.0, -1.0, -2.0])
