"""Systems by name: who is in which study, and the recipes of AI-SPY and of the In-the-Wild CNN."""

import pytest

from fakeorreal import systems
from fakeorreal.networks import build_network
from fakeorreal.spy_augmentation import AUGMENTATIONS
from fakeorreal.systems import FOR_SYSTEMS, GENERATOR_SYSTEMS, PROFILES, SPY_SYSTEMS, SYSTEMS, WILD_SYSTEMS, get_system


def test_every_system_belongs_to_one_study():
    assert sorted((*FOR_SYSTEMS, *GENERATOR_SYSTEMS, *SPY_SYSTEMS, *WILD_SYSTEMS)) == sorted(SYSTEMS)
    assert all(system.name == name for name, system in SYSTEMS.items())


def test_only_the_systems_of_ai_spy_are_augmented_and_they_and_the_wild_cnn_scored_at_their_best():
    for name, system in SYSTEMS.items():
        spy = name in SPY_SYSTEMS
        assert (system.augmentation in AUGMENTATIONS, system.patience > 0) == (spy, spy)
        assert system.best == (spy or name == "wild_cnn")


def test_half_precision_is_for_the_custom_cnn_where_the_processor_has_it(monkeypatch):
    for has, expected in ((True, "mixed_bfloat16"), (False, "float32")):
        monkeypatch.setattr(systems, "multiplies_bfloat16", lambda has=has: has)
        found = {name: system.precision for name, system in SYSTEMS.items()}
        assert found.pop("custom_cnn") == expected
        assert set(found.values()) == {"float32"}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("spy_cnn", 637_182), ("spy_vit", 148_162), ("spy_vit_masked", 148_162), ("spy_vit_published", 25_779_714)],
)
def test_the_networks_of_ai_spy_on_their_front_end(name, parameters):
    system = get_system(name)
    assert system.front_end.shape == (1025, 94, 1)
    model = build_network(system.network or name, system.front_end.shape, **system.options)
    assert sum(v.shape.num_elements() for v in model.trainable_variables) == parameters
    assert model.output_shape == (None, 1)


def test_the_published_rates_are_kept_where_the_published_network_is():
    assert get_system("spy_vit_published").learning_rate == 1e-5
    assert {get_system(name).batch for name in SPY_SYSTEMS} == {16}


def test_how_much_of_ai_spy_a_profile_runs():
    seeds = {name: [len(profile.budget(system).seeds) for system in SPY_SYSTEMS] for name, profile in PROFILES.items()}
    assert seeds == {"smoke": [1, 1, 1, 0], "demo": [1, 1, 1, 0], "full": [5, 5, 5, 5]}
    assert not any(profile.budget(system).datasets for profile in PROFILES.values() for system in SPY_SYSTEMS)


def test_the_wild_cnn_hears_seconds_and_the_published_one_is_as_it_was_trained():
    for name, parameters in (("wild_cnn", 4926 * 4 + 2), ("wild_cnn_published", 4928)):
        system = get_system(name)
        assert system.window == system.front_end.seconds == 1.0
        model = build_network(system.network or name, system.front_end.shape, **system.options)
        assert sum(v.shape.num_elements() for v in model.trainable_variables) == parameters
    assert (system.front_end.published, system.learning_rate, system.batch, system.standardise) == (True, 1e-4, 32, ())
    assert not get_system("wild_cnn").front_end.published


def test_how_much_of_the_wild_cnn_a_profile_runs():
    found = {name: {profile.budget(system) for system in WILD_SYSTEMS} for name, profile in PROFILES.items()}
    assert all(len(budgets) == 1 for budgets in found.values())
    smoke, demo, full = (next(iter(budgets)) for budgets in found.values())
    assert (smoke.marks, smoke.seeds, smoke.training, smoke.scoring) == ((1,), (0,), 4, 4)
    assert (len(demo.seeds), 2 * demo.training % get_system("wild_cnn").batch) == (1, 0)  # whole batches
    assert (full.training, full.scoring, len(full.seeds)) == (None, None, 5)
    assert demo.marks == full.marks == (10,)
    assert not any(budget.datasets for budget in (smoke, demo, full))
