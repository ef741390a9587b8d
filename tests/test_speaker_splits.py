"""Splits by speaker: who is kept apart, who goes together, how alike the folds are, and what is left out."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from fakeorreal.corpora import (
    SPLITS,
    check_no_leak,
    check_no_shared_speaker,
    leave_one_speaker_out,
    make_corpus,
    published_split,
    speaker_folds,
    speaker_splits,
)
from fakeorreal.errors import FakeOrRealError


def wild(speakers=24, seed=0, spread=1.0):
    """Speakers of very different size, each real and fake; every clip is its own group."""
    rng = np.random.default_rng(seed)
    sizes = np.maximum(10, rng.lognormal(3.5, spread, speakers).astype(int))
    speaker = np.repeat([f"s{k:02d}" for k in range(speakers)], sizes)
    fake = rng.random(len(speaker)) < np.repeat(rng.uniform(0.2, 0.6, speakers), sizes)
    first = np.cumsum(sizes) - sizes
    fake[first], fake[first + 1] = True, False
    clip = [f"{k:04d}.wav" for k in range(len(speaker))]
    rows = {"clip": clip, "path": clip, "label": fake.astype(int), "split": "testing", "group": clip}
    return make_corpus({**rows, "speaker": speaker}).assign(source="web")


def spoken(speaker, sentences, label="real"):
    return [
        {"clip": f"{speaker}-{label}-{s}", "path": "", "label": label, "split": "training", "group": s}
        | {"speaker": speaker}
        for s in sentences
    ]


def spoken_twice(speaker, sentences):
    return [row for label in ("real", "fake") for row in spoken(speaker, sentences, label)]


def prompts():
    """
    sentence    it0 … it5    it6    it7    fr0 … fr3    ru0 … ru3    en0 … en7
    carlo       real+fake    real
    paola       real+fake           real
    june                                   real+fake
    igor                                                real+fake
    anna                                                             real+fake
    tts-it      fake         fake   fake
    tts-fr                                 fake
    tts-en                                                           fake (en0 en1)
    """
    shared = [f"it{k}" for k in range(6)]
    rows = spoken("carlo", [*shared, "it6"]) + spoken("carlo", shared, "fake")
    rows += spoken("paola", [*shared, "it7"]) + spoken("paola", shared, "fake")
    for speaker, language, count in (("june", "fr", 4), ("igor", "ru", 4), ("anna", "en", 8)):
        rows += spoken_twice(speaker, [f"{language}{k}" for k in range(count)])
    rows += spoken("tts-it", [*shared, "it6", "it7"], "fake")
    rows += spoken("tts-fr", [f"fr{k}" for k in range(4)], "fake") + spoken("tts-en", ["en0", "en1"], "fake")
    return make_corpus(rows)


def every_split(corpus, seed=0):
    """The tables of all three functions."""
    largest = corpus.loc[corpus["label"] == 0, "speaker"].value_counts().index[0]
    tables = [table for _, table in leave_one_speaker_out(corpus, seed=seed)]
    return [published_split(corpus, largest, 0.5, seed=seed), *speaker_folds(corpus, 4, seed=seed), *tables]


CORPORA = {"wild": wild(12), "prompts": prompts()}


# What must never be


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)
@pytest.mark.parametrize("seed", range(2, 5))
def test_no_speaker_and_no_group_is_in_two_splits(corpus, seed):
    for table in every_split(corpus, seed):
        assert (table.groupby("speaker")["split"].nunique() == 1).all()
        assert (table.groupby("group")["split"].nunique() == 1).all()
        assert pd.crosstab(table["split"], table["label"]).all(axis=None)
        assert set(table["split"]) == set(SPLITS)
        assert table["clip"].is_unique and table.index.tolist() == list(range(len(table)))
        was = corpus.set_index("clip").loc[table["clip"]].reset_index()[corpus.columns]
        pd.testing.assert_frame_equal(table.drop(columns="split"), was.drop(columns="split"))


@pytest.mark.parametrize("table", every_split(prompts(), 2))
def test_a_planted_overlap_is_found(table):
    check_no_shared_speaker(table)
    trained = table.index[(table["split"] == "training") & (table["label"] == 0)][0]
    planted = table.assign(split=table["split"].mask(table.index == trained, "testing"))
    with pytest.raises(FakeOrRealError, match=r"^1 speakers .* the first is '" + table.loc[trained, "speaker"] + "'"):
        check_no_shared_speaker(planted)
    number = table.groupby("speaker").cumcount()
    everywhere = table.assign(split=[SPLITS[k % 3] for k in number])
    with pytest.raises(FakeOrRealError, match=rf"^{(number == 1).sum()} speakers are in more than one split"):
        check_no_shared_speaker(everywhere)


@pytest.mark.parametrize("check", [check_no_leak, check_no_shared_speaker])
def test_every_split_is_checked(check, monkeypatch):
    def refuse(table):
        raise FakeOrRealError("planted")

    monkeypatch.setattr(speaker_splits, check.__name__, refuse)
    for draw in (
        lambda: published_split(wild(), "s00"),
        lambda: next(speaker_folds(wild())),
        lambda: next(leave_one_speaker_out(wild())),
    ):
        with pytest.raises(FakeOrRealError, match="planted"):
            draw()


# Draws


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)
def test_splits_are_seeded_and_depend_on_the_speakers_alone(corpus):
    drawn = every_split(corpus, 2)
    shuffled = corpus.sample(frac=1, random_state=0).assign(split="validation")
    shuffled.index = [0] * len(shuffled)  # as after a concatenation
    for table, again, other in zip(drawn, every_split(corpus, 2), every_split(shuffled, 2), strict=True):
        pd.testing.assert_frame_equal(again, table)
        pd.testing.assert_frame_equal(other.sort_values("clip", ignore_index=True), table)


def test_seeds_differ():
    tested = [
        [frozenset(t.loc[t["split"] == "testing", "speaker"]) for t in speaker_folds(wild(), seed=s)] for s in (0, 1)
    ]
    assert not set(tested[0]) & set(tested[1])
    first, second = (published_split(wild(), "s00", seed=s)["split"] for s in (0, 1))
    assert not first.equals(second)


def test_the_published_split():
    corpus = wild()
    table = published_split(corpus, "s03", seed=7)
    assert len(table) == len(corpus)
    assert set(table.loc[table["split"] == "testing", "speaker"]) == {"s03"}
    sizes = corpus[corpus["speaker"] != "s03"].groupby("speaker").size()
    order = sorted(sizes.index, key=lambda speaker: (-sizes[speaker], speaker))
    draws = np.random.default_rng(7).random(23)
    expected = {s: "training" if draw < 0.8 else "validation" for s, draw in zip(order, draws, strict=True)}
    assert table.groupby("speaker")["split"].first().to_dict() == {**expected, "s03": "testing"}


def test_the_published_share():
    count = [
        published_split(wild(), "s00", share, seed=seed).drop_duplicates("speaker")["split"].eq("training").mean()
        * 24
        / 23
        for share in (0.8, 0.5)
        for seed in range(20)
    ]
    assert np.mean(count[:20]) == pytest.approx(0.8, abs=0.05)
    assert np.mean(count[20:]) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("folds", [2, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_each_speaker_is_tested_once_and_folds_are_alike(folds, seed):
    corpus = wild(12 * folds, seed, spread=0.7)
    tables = list(speaker_folds(corpus, folds, seed=seed))
    assert len(tables) == folds and all(len(table) == len(corpus) for table in tables)
    tested = pd.concat(table[table["split"] == "testing"] for table in tables)
    assert sorted(tested["clip"]) == corpus["clip"].tolist()
    for table in tables:
        shares = pd.crosstab(table["split"], table["label"], normalize="columns")
        np.testing.assert_allclose(shares.loc["testing"], 1 / folds, rtol=0.25)
        np.testing.assert_allclose(shares.loc["validation"] / (1 - shares.loc["testing"]), 0.2, atol=0.04)


def test_leave_one_speaker_out():
    corpus = wild()
    corpus.loc[corpus["speaker"] == "s05", "label"] = 0
    corpus.loc[corpus["speaker"] == "s06", "label"] = 1
    tables = dict(leave_one_speaker_out(corpus))
    assert list(tables) == [f"s{k:02d}" for k in range(24) if k not in (5, 6)]
    for speaker, table in tables.items():
        assert len(table) == len(corpus)
        assert set(table.loc[table["split"] == "testing", "speaker"]) == {speaker}
        assert (table["split"] == "validation").sum() / (table["split"] != "testing").sum() == pytest.approx(
            0.2, abs=0.04
        )


# Sentences that several speak


def test_left_out_by_hand():
    tables = dict(leave_one_speaker_out(prompts()))
    assert list(tables) == ["anna", "carlo", "igor", "june", "paola"]
    held = {s: t.groupby("speaker")["split"].first().to_dict() for s, t in tables.items()}
    lost = {s: sorted(set(prompts()["clip"]) - set(t["clip"])) for s, t in tables.items()}
    shared = [f"paola-{label}-it{k}" for label in ("fake", "real") for k in range(6)]
    assert lost["anna"] == lost["igor"] == lost["june"] == []
    assert lost["carlo"] == [*shared, "tts-it-fake-it7"]
    assert lost["paola"] == [*(name.replace("paola", "carlo") for name in shared), "tts-it-fake-it6"]
    for speaker, voice in (("carlo", "it"), ("paola", "it"), ("june", "fr"), ("anna", "en")):
        assert {s for s, split in held[speaker].items() if split == "testing"} == {speaker, f"tts-{voice}"}
    assert held["igor"]["carlo"] == held["igor"]["paola"] == held["igor"]["tts-it"] != "testing"


@pytest.mark.parametrize("seed", range(4))
def test_validation_is_more_than_what_testing_leaves_of_a_speaker(seed):
    for _, table in leave_one_speaker_out(prompts(), seed=seed):
        count = pd.crosstab(table["split"], table["label"])
        assert (count.loc["validation"] >= 4).all() and (count.loc["training"] >= 8).all()


def test_who_says_nothing_but_the_sentences_of_testing_is_left_out():
    twin = spoken_twice("twin", [f"fr{k}" for k in range(4)])
    corpus = make_corpus([*prompts().to_dict("records"), *twin])
    for speaker, table in leave_one_speaker_out(corpus):
        assert ("twin" in set(table["speaker"])) == (speaker != "june")
        assert ("june" in set(table["speaker"])) == (speaker != "twin")


def test_families_stay_together_while_there_are_as_many_as_folds():
    assert [len(table) for table in speaker_folds(prompts(), 4)] == [len(prompts())] * 4
    assert sorted(len(prompts()) - len(table) for table in speaker_folds(prompts(), 5)) == [0, 0, 0, 13, 13]


def test_a_voice_goes_where_most_of_its_clips_are(rng):
    """Against all ways to place the voices; the groups are where the people are."""
    for seed in range(3):
        sentences = [f"{speaker}{k}" for speaker in "abcd" for k in range(4)]
        rows = [row for s in sentences for row in spoken_twice(s[0], [s])]
        for voice in ("v", "w", "x"):
            rows += spoken(voice, rng.choice(sentences, 7, replace=False), "fake")
        for table in speaker_folds(make_corpus(rows), 4, seed=seed):
            split_of = table[table["speaker"].isin(list("abcd"))].groupby("group")["split"].first()
            assert len(split_of) == 16
            of_voice = [[split_of[row["group"]] for row in rows if row["speaker"] == v] for v in ("v", "w", "x")]
            most = max(
                sum(found.count(split) for found, split in zip(of_voice, placed, strict=True))
                for placed in product(SPLITS, repeat=3)
            )
            assert table["speaker"].isin(["v", "w", "x"]).sum() == most


def test_sentences_of_a_voice_alone_go_with_it():
    corpus = make_corpus([*prompts().to_dict("records"), *spoken("tts-fr", ["own"], "fake")])
    tables = dict(leave_one_speaker_out(corpus))
    assert tables["june"].set_index("clip").loc["tts-fr-fake-own", "split"] == "testing"


def test_a_fake_speaker_of_sentences_of_their_own_is_drawn():
    corpus = make_corpus([*prompts().to_dict("records"), *spoken("clone", [f"own{k}" for k in range(9)], "fake")])
    tables = list(speaker_folds(corpus, 4))
    assert sum((t.loc[t["speaker"] == "clone", "split"] == "testing").all() for t in tables) == 1
    assert "clone" not in dict(leave_one_speaker_out(corpus))


def test_one_text_read_by_all():
    """Each training sentence is also in testing: of the others, what they say alone is left."""
    rows = [row for s in "abcde" for row in spoken_twice(s, ["all", f"{s}0", f"{s}1"])]
    for table in speaker_folds(make_corpus(rows)):
        assert len(table) == 6 + 4 * 4


def test_augmented_copies_are_for_training():
    corpus = prompts()
    copies = corpus.assign(clip=corpus["clip"] + "+aug", channel="mp3")
    for table in every_split(pd.concat([corpus, copies]), 2):
        augmented = table["channel"] != ""
        assert augmented.sum() == (table["split"] == "training").sum() / 2
        assert set(table.loc[augmented, "split"]) == {"training"}


# What can be wrong


@pytest.mark.parametrize("held_out", ["Alec Guinness", "tts-it"])
def test_who_is_held_out_has_recordings(held_out):
    with pytest.raises(FakeOrRealError, match=f"Received: '{held_out}'. There are 5, such as anna, carlo, igor"):
        published_split(prompts(), held_out)


@pytest.mark.parametrize("folds", [1, 6])
def test_as_many_folds_as_speakers(folds):
    with pytest.raises(FakeOrRealError, match=rf"number of speakers with recordings, 5\. Received: {folds}\."):
        next(speaker_folds(prompts(), folds))


@pytest.mark.parametrize("share", [0, 1])
def test_a_split_without_clips(share):
    with pytest.raises(
        FakeOrRealError, match=r"needs clips of both classes, (training|validation) has not\. Received: 24"
    ):
        published_split(wild(), "s00", share)


def test_a_split_of_one_class():
    corpus = wild()
    corpus.loc[corpus["speaker"] == "s05", "label"] = 0
    with pytest.raises(FakeOrRealError, match="needs clips of both classes, testing has not"):
        published_split(corpus, "s05")


def test_speakers_whom_nobody_named():
    corpus = wild().assign(speaker="unknown")
    with pytest.raises(FakeOrRealError, match=r"number of speakers with recordings, 1\."):
        next(speaker_folds(corpus))
    with pytest.raises(FakeOrRealError, match="needs clips of both classes"):
        next(leave_one_speaker_out(corpus))
