"""Grid search: every combination of recipe settings, several seeds each, one row per run, chosen on validation.

A run is kept on disk as everywhere else, so a grid that was stopped goes on where it was. Testing is not looked at.
"""

import itertools
import math
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

import joblib
import pandas as pd
from tqdm import tqdm

from fakeorreal import experiments, metrics
from fakeorreal.corpora import load_corpus, load_wavefake
from fakeorreal.corpora.corpus import REAL
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically
from fakeorreal.scale_out import is_spread, keep_memory
from fakeorreal.systems import System, get_system

SCORES = ["eer", "auc"]
LOGGED = ["epochs_run", "val_loss"]


@dataclass(frozen=True)
class Grid:
    """What to try.

    Attributes:
        system: the recipe that settings depart from.
        settings: name → values to try. Names are fields of ``System`` (``learning_rate``, ``batch`` …), or
            ``front_end.<field>`` (``front_end.wavelet``), or ``options.<name>`` of the network's builder.
        epochs: increasing; one training is scored after each.
        seeds: one run each.
        cap: rows per class, in training and in validation; None for all.
        stop_after: epochs without a new low of the validation loss that end a training; 0 for none ever.
    """

    system: System
    settings: dict
    epochs: tuple
    seeds: tuple = (0,)
    cap: int | None = None
    stop_after: int = 0

    def variants(self):
        """List of (system, settings) for every combination, the last setting changing fastest.

        Raises:
            FakeOrRealError: a setting that the recipe does not have, or without values.
        """
        for name, values in self.settings.items():
            if not isinstance(values, (list, tuple)) or not values:
                raise FakeOrRealError(f"setting {name!r} needs a list of values to try. Received: {values!r}.")
        combinations = itertools.product(*self.settings.values())
        settings = [dict(zip(self.settings, values, strict=True)) for values in combinations]
        return [(_varied(self.system, one), one) for one in settings]


def make_grid(description):
    """A ``Grid`` from a dict: ``system``, ``epochs`` and ``settings``; if wanted ``seeds``, ``cap``, ``stop_after``.

    Raises:
        FakeOrRealError: a key missing, unknown or of the wrong kind.
    """
    required, optional = {"system", "epochs", "settings"}, {"seeds", "cap", "stop_after"}
    given = set(description)
    if not required <= given <= required | optional:
        raise FakeOrRealError(
            f"a grid needs {', '.join(sorted(required))} and may have {', '.join(sorted(optional))}. "
            f"Received: {', '.join(sorted(given)) or 'nothing'}."
        )
    epochs, seeds = (_whole_numbers(name, description.get(name, [0])) for name in ("epochs", "seeds"))
    if not isinstance(description["settings"], dict):
        raise FakeOrRealError(f"`settings` must name lists of values. Received: {description['settings']!r}.")
    stop_after = description.get("stop_after", 0)
    if type(stop_after) is not int or stop_after < 0:
        raise FakeOrRealError(f"`stop_after` must be a whole number of epochs. Received: {stop_after!r}.")
    return Grid(
        get_system(description["system"]),
        description["settings"],
        tuple(sorted(set(epochs))),
        seeds,
        description.get("cap"),
        stop_after,
    )


def read_grid(path):
    """(grid, corpus) from a TOML file: the keys of ``make_grid``, and a table ``corpus``.

    ``corpus`` holds either ``dataset``, a version of FoR, or ``generator``, whose fakes are set against the real
    speech of a folder in WaveFake's layout; and the ``folder`` of the data, which may be left out for FoR.

    Raises:
        FakeOrRealError: a file that is not there or not TOML, no such data, or as ``make_grid``.
    """
    path = Path(path)
    try:
        description = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FakeOrRealError(f"{path}: cannot be read as TOML ({error}). Check the file.") from error
    corpus = description.pop("corpus", {})
    if not isinstance(corpus, dict) or not all(isinstance(value, str) for value in corpus.values()):
        raise FakeOrRealError(f"{path}: `[corpus]` must name folders and data sets in quotes. Received: {corpus!r}.")
    try:
        return make_grid(description), _load(corpus)
    except FakeOrRealError as error:
        raise FakeOrRealError(f"{path}: {error}") from error


def run_grid(grid, corpus, out, *, features, runs, name, threads=0):
    """Run what has not been run yet; the table on disk grows run by run.

    Within `scale_out.on_cluster` every worker runs one at a time; boosted trees are spread over all workers instead.

    Args:
        grid: a ``Grid``.
        corpus: table of clips with training and validation.
        out: CSV file to write.
        features, runs: folders of features and of runs.
        name: of the corpus.
        threads: as in ``Profile``.

    Returns:
        DataFrame, one row per run and mark: settings, epochs, seed; ``epochs_run`` (fewer where it was stopped) and
        ``val_loss`` of the network that is scored, as ``training.fit_network`` logs it; validation ``eer`` (per cent)
        and ``auc``.

    Raises:
        FakeOrRealError: as ``Grid.variants``, a corpus without one of the splits, or a network that cannot be built.
    """
    parts, plan = {}, []  # variants with one front end share their features
    for system, settings in grid.variants():
        key = repr((system.front_end, system.window, system.augmentation))
        if key not in parts:
            parts[key] = [
                experiments.split_features(system, corpus, split, cap=grid.cap, folder=features)
                for split in ("training", "validation")
            ]
        plan += [(system, settings, *parts[key], seed) for seed in grid.seeds]
    where = {"threads": threads, "runs": Path(runs).absolute(), "name": name}
    options = {"marks": grid.epochs, "stop_after": grid.stop_after, **where}
    one_by_one = any(is_spread(system) for system, *_ in plan)
    runs_of_plan = joblib.Parallel(backend="sequential" if one_by_one else None, batch_size=1, return_as="generator")(
        joblib.delayed(_run)(*one, **options) for one in plan
    )
    rows = []
    for found in tqdm(runs_of_plan, total=len(plan), desc="grid", unit="run"):
        rows += found
        write_atomically(Path(out), pd.DataFrame(rows).to_csv(index=False, lineterminator="\n").encode())
    return pd.DataFrame(rows)


def ranking(table):
    """Mean and standard deviation over seeds of every variant, best EER first; equal EERs are ordered by AUC."""
    settings = [column for column in table if column not in (*SCORES, *LOGGED, "seed")]
    found = table.groupby(settings, sort=False, dropna=False).agg(
        eer=("eer", "mean"), eer_sd=("eer", "std"), auc=("auc", "mean"), seeds=("seed", "nunique")
    )
    return found.reset_index().sort_values(["eer", "auc"], ascending=[True, False], kind="stable", ignore_index=True)


def _run(system, settings, fitted_on, validation, seed, **options):
    """The rows of one run."""
    keep_memory()
    folder = experiments.run_folder(system, fitted_on, [validation], seed=seed, **options)
    rows = []
    for epochs, scores in experiments.read_scores(folder).groupby("epochs", dropna=False):
        found = {metric: getattr(metrics, metric)(scores["label"], scores["score"]) for metric in SCORES}
        run = {**settings, "epochs": epochs, "seed": seed, **_logged(system, folder, epochs)}
        rows.append({**run, "eer": 100 * found["eer"], "auc": found["auc"]})
    return rows


def _logged(system, folder, epochs):
    """LOGGED at a mark; NaN where there are no epochs."""
    if system.kind == "classical":
        return dict.fromkeys(LOGGED, math.nan)
    losses = pd.read_csv(folder / "history.csv")["val_loss"].iloc[: int(epochs)]
    return {"epochs_run": len(losses), "val_loss": losses.min() if system.best else losses.iloc[-1]}


def _load(corpus):
    if set(corpus) in ({"dataset"}, {"dataset", "folder"}):
        return load_corpus(corpus["dataset"], corpus.get("folder"))
    if set(corpus) == {"generator", "folder"}:
        table = load_wavefake(corpus["folder"])
        wanted = (table["label"] == REAL) | (table["generator"] == corpus["generator"])
        if wanted.sum() == (table["label"] == REAL).sum():
            names = ", ".join(table.loc[table["label"] != REAL, "generator"].unique())
            raise FakeOrRealError(f"`generator` must be one of {names}. Received: {corpus['generator']!r}.")
        return table[wanted]
    raise FakeOrRealError(
        f"[corpus] needs `dataset`, or `generator` and `folder`. Received: {', '.join(corpus) or 'nothing'}."
    )


def _varied(system, settings):
    changes = {"options": dict(system.options), "front_end": system.front_end}
    for name, value in settings.items():
        part, dot, field = name.partition(".")
        if part == "options" and dot:
            changes["options"][field] = value
        elif part == "front_end" and field in _names(system.front_end):
            _check_kind(name, value, getattr(system.front_end, field))
            changes["front_end"] = replace(changes["front_end"], **{field: value})
        elif not dot and name in _names(system) - {"name", "kind", "front_end", "options"}:
            _check_kind(name, value, getattr(system, name))
            changes[name] = value
        else:
            raise FakeOrRealError(
                f"a setting must be a field of the recipe, front_end.<field> or options.<name>. Received: {name!r}; "
                f"{system.name} has {', '.join(sorted(_names(system)))} and in its front end "
                f"{', '.join(sorted(_names(system.front_end)))}."
            )
    return replace(system, **changes)


def _check_kind(name, value, usual):
    alike = (int, float) if type(usual) in (int, float) else type(usual)
    if usual is not None and (not isinstance(value, alike) or isinstance(value, bool) != isinstance(usual, bool)):
        raise FakeOrRealError(f"setting {name!r} must be like {usual!r}. Received: {value!r}.")


def _names(instance):
    return {field.name for field in fields(instance)}


def _whole_numbers(name, values):
    values = values if isinstance(values, list) else [values]
    if not values or not all(type(value) is int and value >= 0 for value in values):
        raise FakeOrRealError(f"`{name}` must be a list of whole numbers. Received: {values!r}.")
    return tuple(values)
