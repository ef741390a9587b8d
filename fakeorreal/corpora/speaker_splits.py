"""Splits by speaker: nobody who is heard in training is heard in validation or in testing.

Drawn are the speakers with recordings, and those who share no group with them. A voice of text-to-speech that speaks
the sentences of people with recordings is not drawn: it follows them, into the split that holds most of its clips.

No group is in two splits either: it belongs to testing before validation before training, and what the other splits
have of it is left out. So is what a voice says outside its split. Folds leave out as little as they can: they keep
speakers of the same sentences together, unless one of them alone is to be tested.

The augmented copies that a corpus may hold are in training only.
"""

import numpy as np
import pandas as pd

from fakeorreal.corpora.corpus import REAL, check_no_leak
from fakeorreal.corpora.in_the_wild import HELD_OUT
from fakeorreal.errors import FakeOrRealError

ORDER = ("testing", "validation", "training")
"""Which split a group of several belongs to: the first."""

SHARES = {"training": 0.8, "validation": 0.2}
"""Of what testing leaves."""


def published_split(corpus, held_out=HELD_OUT, share=SHARES["training"], *, seed=0):
    """One speaker for testing; each of the others, the largest first, for training with a fixed probability.

    The published draw had no seed; this one has.

    Args:
        corpus: table of clips; its splits are forgotten.
        held_out: speaker of testing.
        share: probability that another speaker is in training, else in validation.
        seed: of the draw.

    Returns:
        the clips that are in a split, with their split.

    Raises:
        FakeOrRealError: no such speaker is drawn; a split without one of the classes.

    Source:
        https://github.com/jimmybanta/audio-deepfake-detection, ``data/handle_data.ipynb``.
    """
    speakers = corpus.loc[_is_drawn(corpus), "speaker"]
    if held_out not in set(speakers):
        raise FakeOrRealError(
            f"`held_out` must be a speaker with recordings. Received: {held_out!r}. "
            f"There are {speakers.nunique()}, such as {', '.join(sorted(set(speakers))[:3])}."
        )
    others = speakers[speakers != held_out].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    trained = np.random.default_rng(seed).random(len(others)) < share
    split_of = dict(zip(others.index, np.where(trained, "training", "validation"), strict=True))
    return _split(corpus, {**split_of, held_out: "testing"})


def speaker_folds(corpus, folds=5, *, seed=0):
    """K-fold over speakers: each is in testing once. Folds are alike in size and in both classes, as far as they can.

    Args:
        corpus: table of clips; its splits are forgotten.
        folds: number of folds.
        seed: of the draws.

    Yields:
        for each fold, the clips that are in a split, with their split. Of the speakers that testing leaves, about 80 %
        by clips are training, 20 % validation.

    Raises:
        FakeOrRealError: fewer speakers than folds; a split without one of the classes.
    """
    clips = corpus[_is_drawn(corpus)]
    if not 2 <= folds <= clips["speaker"].nunique():
        raise FakeOrRealError(
            f"`folds` must be 2 to the number of speakers with recordings, {clips['speaker'].nunique()}. "
            f"Received: {folds}. Ask for fewer folds."
        )
    fold_of = _deal(clips, dict.fromkeys(range(folds), 1 / folds), seed)
    for fold in range(folds):
        yield _hold_out(corpus, {speaker for speaker in fold_of if fold_of[speaker] == fold}, seed)


def leave_one_speaker_out(corpus, *, seed=0):
    """Each speaker in turn for testing. Who has clips of one class only is never held out.

    Args:
        corpus: table of clips; its splits are forgotten.
        seed: of the draws.

    Yields:
        (speaker, the clips that are in a split, with their split), in the order of names; training and validation as
        for `speaker_folds`.

    Raises:
        FakeOrRealError: a split without one of the classes.
    """
    labels = corpus[_is_drawn(corpus)].groupby("speaker")["label"].nunique()
    for speaker in labels.index[labels == 2]:
        yield speaker, _hold_out(corpus, {speaker}, seed)


def check_no_shared_speaker(corpus):
    """Raise FakeOrRealError when a speaker is in more than one split."""
    splits = corpus.groupby("speaker")["split"].nunique()
    shared = splits[splits > 1].index
    if len(shared):
        raise FakeOrRealError(
            f"{len(shared)} speakers are in more than one split, the first is {shared[0]!r}. Split by speaker."
        )


def _is_drawn(corpus):
    """Whether the speaker of each clip is drawn and follows nobody."""
    speaker, group = corpus["speaker"], corpus["group"]
    recorded = speaker.isin(speaker[corpus["label"] == REAL])
    return ~speaker.isin(speaker[~recorded & group.isin(group[recorded])])


def _hold_out(corpus, testing, seed):
    """These speakers are testing; the others are dealt by what their sentences leave of them."""
    clips = corpus[_is_drawn(corpus)]
    tested = clips["speaker"].isin(testing)
    rest = clips[~tested & ~clips["group"].isin(clips.loc[tested, "group"])]
    nothing_left = dict.fromkeys(clips.loc[~tested, "speaker"], "training")
    return _split(corpus, {**nothing_left, **_deal(rest, SHARES, seed), **dict.fromkeys(testing, "testing")})


def _deal(clips, shares, seed):
    """Dict speaker → name of a share.

    Speakers of the same sentences go together, unless that makes fewer families than shares. The largest come first, as
    many at a time as there are shares, in random order; each goes where most is lacking of what it has.
    """
    family = _family(clips)
    if family.nunique() < len(shares):
        family = clips["speaker"]
    held = pd.crosstab(family, clips["label"], normalize="columns")
    order = held.sum(axis=1).sort_values(ascending=False, kind="stable").index
    rng = np.random.default_rng(seed)
    lacking = {name: np.full(held.shape[1], share) for name, share in shares.items()}
    share_of = {}
    for start in range(0, len(order), len(shares)):
        for name in rng.permutation(order[start : start + len(shares)]):
            of_name = held.loc[name].to_numpy()
            share_of[name] = max(shares, key=lambda share: lacking[share] @ of_name)
            lacking[share_of[name]] = lacking[share_of[name]] - of_name
    return dict(zip(clips["speaker"], family.map(share_of), strict=True))


def _family(clips):
    """The number of each clip's speaker, the same for all who share a group with them, be it through others."""
    number = clips.groupby("speaker").ngroup()
    while True:
        least = number.groupby(clips["group"]).transform("min").groupby(clips["speaker"]).transform("min")
        if least.equals(number):
            return number
        number = least


def _split(corpus, split_of):
    """The clips that no split shares, by the splits of the speakers who are drawn."""
    corpus = corpus.reset_index(drop=True)
    rank = corpus["speaker"].map({speaker: ORDER.index(split) for speaker, split in split_of.items()})
    of_group = rank.groupby(corpus["group"]).transform("min")
    follows = of_group[rank.isna()].groupby(corpus["speaker"]).agg(lambda ranks: ranks.mode().iloc[0])
    rank = rank.fillna(corpus["speaker"].map(follows))
    of_group = of_group.fillna(rank.groupby(corpus["group"]).transform("min"))  # sentences of followers alone
    split = rank.map(dict(enumerate(ORDER)))
    kept = (rank == of_group) & ((corpus["channel"] == "") | (split == "training"))
    table = corpus.assign(split=split)[kept].reset_index(drop=True)
    check_no_leak(table)
    check_no_shared_speaker(table)
    for split in ORDER:
        if table.loc[table["split"] == split, "label"].nunique() < 2:
            raise FakeOrRealError(
                f"every split needs clips of both classes, {split} has not. Received: {len(split_of)} speakers. "
                "Add speakers, or draw with another seed."
            )
    return table
