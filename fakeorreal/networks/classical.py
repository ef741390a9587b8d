"""Classical classifiers on hand-crafted features, behind the scikit-learn interface."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def xgboost(seed):
    """300 boosted trees of depth 6 by XGBoost."""
    from xgboost import XGBClassifier  # here, for it is slow to import

    return XGBClassifier(
        tree_method="hist",
        n_estimators=300,
        max_depth=6,
        learning_rate=0.1,
        subsample=0.8,
        n_jobs=2,
        random_state=seed,
    )


def svm(seed):
    """Support vectors with a Gaussian kernel on standardised features; nothing random in it."""
    return make_pipeline(StandardScaler(), SVC(kernel="rbf", random_state=seed))


def random_forest(seed):
    """500 trees."""
    return RandomForestClassifier(n_estimators=500, n_jobs=2, random_state=seed)


def logistic_regression(seed):
    """Logistic regression on standardised features."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed))


def gradient_boosting(seed):
    """Boosted trees on binned features by scikit-learn."""
    return HistGradientBoostingClassifier(random_state=seed)


CLASSICAL = {
    "xgboost": xgboost,
    "svm": svm,
    "random_forest": random_forest,
    "logistic_regression": logistic_regression,
    "gradient_boosting": gradient_boosting,
}
"""Name → function of a seed that gives an estimator, not yet fitted."""


def score(estimator, X):
    """Logits of *fake* from a fitted estimator.

    XGBoost gives its margin; what has a decision function gives that (for ``svm`` it is a distance, not calibrated);
    a forest gives the logit of its share of votes, kept within [1e-6, 1 - 1e-6].

    Args:
        estimator: fitted on labels real = 0, fake = 1.
        X: features, shape (n, n_features).

    Returns:
        float64, shape (n,), finite; higher = more likely fake.
    """
    if hasattr(estimator, "get_booster"):
        return estimator.predict(X, output_margin=True).astype(float)
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(X)
    p = np.clip(estimator.predict_proba(X)[:, 1], 1e-6, 1 - 1e-6)
    return np.log(p) - np.log1p(-p)
