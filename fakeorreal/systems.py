"""Systems: front end + network + recipe under one name, and the profiles that say how much of each is run."""

from dataclasses import dataclass, field

from fakeorreal.corpora.for_dataset import DATASETS
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import Handcrafted, LogMel, MelPicture


@dataclass(frozen=True)
class System:
    """What the literature calls a system.

    Attributes:
        name: key in ``SYSTEMS`` and name of the network: a builder in ``fakeorreal.networks``, or a key of
            ``networks.classical.CLASSICAL``.
        front_end: waveform → array.
        kind: ``keras`` or ``classical``.
        window: seconds per network input; None for the whole clip. A clip's score is the mean over its windows.
        standardise: whether features are brought to zero mean and unit variance, as measured on training.
        learning_rate: of Adam.
        batch: rows per step.
    """

    name: str
    front_end: object
    kind: str = "keras"
    window: float | None = None
    standardise: bool = False
    learning_rate: float = 1e-3
    batch: int = 32


SYSTEMS = {
    system.name: system
    for system in (
        System("custom_cnn", LogMel(), window=2.0, learning_rate=5e-4),
        System("custom_cnn_published", MelPicture(), learning_rate=1e-4),
        System("dnn", Handcrafted(), standardise=True),
        System("dnn_published", Handcrafted(), standardise=True, learning_rate=1e-4),
        System("xgboost", Handcrafted(), "classical"),
        System("gradient_boosting", Handcrafted(), "classical"),
        System("random_forest", Handcrafted(), "classical"),
        System("svm", Handcrafted(), "classical"),
        System("logistic_regression", Handcrafted(), "classical"),
    )
}


@dataclass(frozen=True)
class Budget:
    """How much of one system a profile runs.

    Attributes:
        datasets: which versions of FoR.
        marks: epochs after which the network is scored; the last one ends training.
        seeds: one run each.
        training: training clips per class, None for all.
        scoring: validation and testing clips per class, None for all.
    """

    datasets: tuple = DATASETS
    marks: tuple = (20, 50)
    seeds: tuple = (0, 1, 2)
    training: int | None = None
    scoring: int | None = None


@dataclass(frozen=True)
class Profile:
    """A named amount of work.

    Attributes:
        name: smoke, demo or full.
        default: budget of every system not named in ``special``.
        special: system name → its own budget.
        threads: threads of TensorFlow's operators, 0 for one per core. A fixed number makes results independent of
            the number of cores.
    """

    name: str
    default: Budget
    special: dict = field(default_factory=dict)
    threads: int = 0

    def budget(self, system):
        return self.special.get(system, self.default)


_SEEDLESS = ("gradient_boosting", "svm", "logistic_regression")  # nothing in them is random: one seed is all

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            Budget(marks=(1, 2), seeds=(0,), training=12, scoring=12),
            {"custom_cnn_published": Budget(("for-2sec",), (1,), (0,), 4, 4)},
            threads=2,
        ),
        Profile(
            "demo",
            Budget(training=350),
            {
                "custom_cnn": Budget(seeds=(0,), training=350),
                "custom_cnn_published": Budget(("for-2sec",), (20,), (0,), 30, 60),
                "dnn_published": Budget(seeds=(0,), training=350),
                **{name: Budget(seeds=(0,), training=350) for name in _SEEDLESS},
            },
            threads=2,
        ),
        Profile("full", Budget(), {name: Budget(seeds=(0,)) for name in _SEEDLESS}),
    )
}


def get_system(name):
    """The system of that name, or FakeOrRealError."""
    if name not in SYSTEMS:
        raise FakeOrRealError(f"`system` must be one of {', '.join(SYSTEMS)}. Received: {name!r}.")
    return SYSTEMS[name]


def get_profile(name):
    """The profile of that name, or FakeOrRealError."""
    if name not in PROFILES:
        raise FakeOrRealError(f"`profile` must be one of {', '.join(PROFILES)}. Received: {name!r}.")
    return PROFILES[name]
