"""Systems: front end + network + recipe under one name, and the profiles that say how much of each is run."""

from dataclasses import dataclass, field

from fakeorreal.corpora.for_dataset import DATASETS
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import (
    LFCC,
    Handcrafted,
    LogMel,
    LogSTFT,
    MelPicture,
    PowerSpectrogram,
    WaveletPackets,
    WildMel,
)
from fakeorreal.machine import multiplies_bfloat16


@dataclass(frozen=True)
class System:
    """What the literature calls a system.

    Attributes:
        name: key in ``SYSTEMS``.
        front_end: waveform → array.
        kind: ``keras`` or ``classical``.
        window: seconds per network input; None for the whole clip. A clip's score is the mean over its windows.
        standardise: axes of a feature array whose every place is brought to zero mean and unit variance, as measured
            on training; () for none.
        learning_rate: of Adam.
        batch: rows per step.
        network: a builder in ``fakeorreal.networks``, or a key of ``networks.classical.CLASSICAL``; "" for ``name``.
        options: of the network's builder.
        augmentation: what training rows go through, a key of ``spy_augmentation.AUGMENTATIONS``; "" for nothing.
        patience: epochs without a new low of the validation loss after which the learning rate falls to a tenth; 0 for
            a constant rate.
        best: a mark scores the network of the lowest validation loss so far; False for the network as it then is.
        half: train in bfloat16 where the processor multiplies in it, see `precision`.
    """

    name: str
    front_end: object
    kind: str = "keras"
    window: float | None = None
    standardise: tuple = ()
    learning_rate: float = 1e-3
    batch: int = 32
    network: str = ""
    options: dict = field(default_factory=dict)
    augmentation: str = ""
    patience: int = 0
    best: bool = False
    half: bool = field(default=False, repr=False)  # runs are found by this text; those in float32 stay

    @property
    def precision(self):
        """The dtype policy of Keras that this machine trains in: ``float32``, or ``mixed_bfloat16``.

        The latter takes about half the time (benchmarks/custom_cnn.py) and gives other weights. What is saved and
        scored at a mark computes in float32.
        """
        return "mixed_bfloat16" if self.half and multiplies_bfloat16() else "float32"


# Published: one mean and deviation for all bands, which the empty ones above the cut-off of a recording then rule; and
# batches of 128, of which a small corpus has too few.
_GAN_POLICE = {"standardise": (0, 2), "learning_rate": 1e-3, "batch": 16}

_AI_SPY = {"window": 3.0, "standardise": (2,), "batch": 16, "patience": 10, "best": True}
_SPY_VIT = {"network": "vision_transformer", "augmentation": "spy_vit", **_AI_SPY}

_FOR = (
    # against batches of 32 at 5e-4: as accurate and faster (benchmarks/fast_training.py)
    System("custom_cnn", LogMel(), window=2.0, learning_rate=1e-3, batch=64, half=True),
    System("custom_cnn_published", MelPicture(), learning_rate=1e-4),
    System("dnn", Handcrafted(), standardise=(0,)),
    System("dnn_published", Handcrafted(), standardise=(0,), learning_rate=1e-4),
    System("xgboost", Handcrafted(), "classical"),
    System("gradient_boosting", Handcrafted(), "classical"),
    System("random_forest", Handcrafted(), "classical"),
    System("svm", Handcrafted(), "classical"),
    System("logistic_regression", Handcrafted(), "classical"),
)
_GENERATORS = (
    System("dcnn_stft", LogSTFT(), network="dcnn", **_GAN_POLICE),
    System("dcnn_haar", WaveletPackets(wavelet="haar"), network="dcnn", **_GAN_POLICE),
    System("dcnn_sym5", WaveletPackets(wavelet="sym5"), network="dcnn", **_GAN_POLICE),
    System("dcnn_coif4", WaveletPackets(wavelet="coif4"), network="dcnn", **_GAN_POLICE),
    System("dcnn_no_dropout", WaveletPackets(), network="dcnn", options={"dropout": False}, **_GAN_POLICE),
    System("dcnn_no_dilation", WaveletPackets(), network="dcnn", options={"dilation": False}, **_GAN_POLICE),
    System("lcnn_lfcc", LFCC(), network="lcnn", **_GAN_POLICE),
    System("transformer_stft", LogSTFT(), network="spectrogram_transformer", **_GAN_POLICE),
)
_SPY = (
    # published: 8e-5 (CNN) and 1e-5 (ViT), for 300 hours of each class
    System("spy_cnn", PowerSpectrogram(), learning_rate=3e-4, augmentation="spy_cnn", **_AI_SPY),
    System("spy_vit", PowerSpectrogram(), learning_rate=6e-4, **_SPY_VIT),
    System("spy_vit_masked", PowerSpectrogram(), learning_rate=6e-4, options={"masked": 0.15}, **_SPY_VIT),
    System(
        "spy_vit_published",
        PowerSpectrogram(),
        learning_rate=1e-5,
        options={"patch": 32, "width": 512, "depth": 8, "heads": 8, "norm_first": False, "whole": False},
        **_SPY_VIT,
    ),
)
_WILD = (
    # channels and rate: of a grid on the validation clips of the embedded corpus
    System("wild_cnn", WildMel(), window=1.0, standardise=(2,), options={"channels": 4}, best=True),
    # published after a grid: one channel, 10 epochs at this rate, the last of which is scored
    System("wild_cnn_published", WildMel(published=True), window=1.0, learning_rate=1e-4, network="wild_cnn"),
)
SYSTEMS = {system.name: system for system in (*_FOR, *_GENERATORS, *_SPY, *_WILD)}
FOR_SYSTEMS, GENERATOR_SYSTEMS, SPY_SYSTEMS, WILD_SYSTEMS = (
    tuple(system.name for system in systems) for systems in (_FOR, _GENERATORS, _SPY, _WILD)
)
"""Side by side on the versions of FoR; on generators never heard (gan-police); CNN against transformer (AI-SPY); on
speakers never heard (In-the-Wild)."""


@dataclass(frozen=True)
class Budget:
    """How much of one system a profile runs.

    Attributes:
        datasets: which versions of FoR; none for systems of another study.
        marks: epochs after which the network is scored; the last one ends training.
        seeds: one run each; none where the profile leaves a system out.
        training: training clips per class, None for all.
        scoring: validation and testing clips per class, or per generator, None for all.
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
            {
                "custom_cnn_published": Budget(("for-2sec",), (1,), (0,), 4, 4),
                **dict.fromkeys((*GENERATOR_SYSTEMS, *SPY_SYSTEMS, *WILD_SYSTEMS), Budget((), (1,), (0,), 4, 4)),
                "spy_vit_published": Budget((), (1,), ()),
            },
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
                **dict.fromkeys(GENERATOR_SYSTEMS, Budget((), (8,), ())),  # minutes a run
                "dcnn_haar": Budget((), (8,), (0,), 176, 60),
                "lcnn_lfcc": Budget((), (8,), (0,), 80, 60),
                # whole batches, of a third and a ninth of the rows too: a step is compiled for every size of batch
                "spy_cnn": Budget((), (5,), (0,), 144, 40),
                "spy_vit": Budget((), (4,), (0,), 504, 40),
                "spy_vit_masked": Budget((), (6,), (0,), 504, 40),
                "spy_vit_published": Budget((), (4,), ()),
                **dict.fromkeys(WILD_SYSTEMS, Budget((), (10,), (0,), 320, 80)),
            },
            threads=2,
        ),
        Profile(
            "full",
            Budget(),
            {
                **{name: Budget(seeds=(0,)) for name in _SEEDLESS},
                **dict.fromkeys(GENERATOR_SYSTEMS, Budget((), (10,), (0, 1, 2, 3, 4))),
                **dict.fromkeys(SPY_SYSTEMS, Budget((), (50,), (0, 1, 2, 3, 4))),
                **dict.fromkeys(WILD_SYSTEMS, Budget((), (10,), (0, 1, 2, 3, 4))),
            },
        ),
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
