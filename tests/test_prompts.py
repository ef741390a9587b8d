import gzip
import shutil

import pytest

from fakeorreal.corpora import prompts
from fakeorreal.corpora.prompts import PACKAGES, SOURCES, TEXT_PACKAGES, UNSEEN_VOCODER
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.tts import VOICES
from fakeorreal.synthesis.vocoders import VOCODERS


def write_texts(share, language, lines):
    folder = share / "doc" / f"asterisk-core-sounds-{language}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"core-sounds-{language}.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def make_share(share, numbers, *, order=1):
    """A `share` folder like the packages', the recordings still empty.

    Every language has the prompts ``say<number>`` and ``again<number>``, of the same words.
    """
    for package in PACKAGES:
        (share / "doc" / package).mkdir(parents=True, exist_ok=True)
        (share / "doc" / package / "copyright").write_text(f"licence of {package}")
    for language in {source.language for source in SOURCES}:
        lines = [f"say{k}: Sentence number {k}, please." for k in numbers]
        lines += [f"again{k}: sentence NUMBER {k} - please" for k in numbers]
        write_texts(share, language, [*lines, "digits/1: One more digit.", "sub/inner: One folder further."])
    for source in SOURCES[::order]:
        suffix = ".wav" if source.telephone else ".g722"
        root = share / "asterisk" / "sounds" / source.folder
        names = [f"{word}{k}" for k in numbers for word in ("say", "again")]
        for name in [*names, "digits/1", "sub/inner", "no-text"][::order]:
            path = (root / name).with_suffix(suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return share


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    return make_share(tmp_path_factory.mktemp("share"), range(60))


@pytest.fixture(scope="module")
def sentences(share):
    return prompts.plan(share)


# Texts


def test_read_texts(tmp_path):
    lines = [
        "\ufeff; a note, after a byte order mark",
        "",
        "welcome: Welcome  to   the “conference”.",
        "; commented: Not to be read.",
        "beep: [this is a tone]",
        "tone: (this is a tone)",
        "join:<beep ascending sound>",
        "one: Goodbye.",
        "no colon here",
        "sub/menu : Press 1: to go on",
        "cafe: C'è un caffè, l’ultimo!",
        'code: ") (system "touch x") (\\',
        "inner: You are (now) muted [twice].",
        "empty:",
    ]
    write_texts(tmp_path, "it", lines)
    assert prompts.read_texts(tmp_path, "it") == {
        "welcome": "Welcome to the conference .",
        "sub/menu": "Press 1: to go on",
        "cafe": "C'è un caffè, l’ultimo!",
        "code": "system touch x",
        "inner": "You are now muted twice .",
    }


def test_read_texts_starts_with_a_prompt_after_a_byte_order_mark(tmp_path):
    write_texts(tmp_path, "ru", ["\ufeffhello: Добрый день"])
    assert prompts.read_texts(tmp_path, "ru") == {"hello": "Добрый день"}


# The plan


def test_every_sentence_that_has_a_text_is_planned_once(share, sentences):
    assert len(sentences) == len(SOURCES) * (2 * 60 + 1)
    stems = [s.stem for s in sentences]
    assert stems == sorted(set(stems))
    by_stem = {s.stem: s for s in sentences}
    inner = by_stem["fr-june-sub_inner"]
    assert inner.path == share / "asterisk/sounds/fr_CA_f_June/sub/inner.g722"
    assert inner.text == "One folder further."
    assert by_stem["it-paola-say7"].path.suffix == ".wav"
    assert not any("digits" in stem or "no-text" in stem for stem in stems)


def test_no_group_is_in_two_splits(sentences):
    splits = {}
    for s in sentences:
        splits.setdefault(s.group, set()).add(s.split)
    assert all(len(found) == 1 for found in splits.values())
    validation = [s for s in sentences if s.split == "validation"]
    training = [s for s in sentences if s.split == "training"]
    assert 0.08 < len(validation) / (len(validation) + len(training)) < 0.27


def test_the_same_words_are_one_group(sentences):
    group = {s.stem: s.group for s in sentences}
    for k in range(60):
        # two names of one sentence, and two speakers of one language
        assert group[f"it-carlo-say{k}"] == group[f"it-carlo-again{k}"] == group[f"it-paola-say{k}"]
        assert group[f"it-carlo-say{k}"] != group[f"es-allison-say{k}"]
    assert len(set(group.values())) == 5 * 61


def test_testing_is_unseen(sentences):
    def of(attribute, testing):
        return {attribute(s) for s in sentences if (s.split == "testing") is testing}

    for attribute in (lambda s: s.source.speaker, lambda s: s.source.language, lambda s: s.group):
        assert not of(attribute, True) & of(attribute, False)
    seen, unseen = (of(lambda s: s.generator, testing) for testing in (False, True))
    assert seen & unseen == set(VOCODERS) - {UNSEEN_VOCODER}
    assert UNSEEN_VOCODER in unseen


def test_generators_speak_the_language_and_take_turns(sentences):
    languages = {v.name: v.language for v in VOICES}
    for source in SOURCES:
        for split in ("training", "validation", "testing"):
            mine = [s.generator for s in sentences if s.source == source and s.split == split]
            tts = [g for g in mine if g not in VOCODERS]
            assert all(languages[g] == source.language for g in tts)
            assert 0 <= 2 * len(tts) - len(mine) <= 1
            if len(mine) > 30:
                counts = [mine.count(g) for g in set(mine) - set(tts)]
                assert max(counts) - min(counts) <= 1
                assert set(tts) == {v.name for v in VOICES if v.language == source.language}


def test_the_plan_depends_on_names_only(tmp_path, share, sentences):
    other = make_share(tmp_path / "elsewhere", range(60), order=-1)

    def facts(plan, root):
        return [(s.stem, s.text, s.group, s.split, s.generator, str(s.path.relative_to(root))) for s in plan]

    assert facts(prompts.plan(other), other) == facts(sentences, share)


def test_wideband_recordings_go_before_telephone_ones(tmp_path, share):
    # asterisk-core-sounds-*-wav, of 8 kHz, unpacks into the same folders as -g722.
    copy = tmp_path / "share"
    shutil.copytree(share, copy)
    before = prompts.plan(copy)
    for path in list(copy.rglob("*.g722")):
        path.with_suffix(".wav").touch()
        path.with_suffix(".gsm").touch()
    assert prompts.plan(copy) == before


# Packages


def put_on_path(monkeypatch, folder, **programs):
    """Shell scripts that stand in for programs, underscores for hyphens in their names."""
    folder.mkdir(exist_ok=True)
    for name, script in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(prompts, "INSTALLED", tmp_path / "usr" / "share")


APT_GET = r'shift; for name in "$@"; do echo "$name" >> asked.txt; : > "${name}_1%3a1.6_all.deb"; done'
DPKG_DEB = r"""[ "$1" = -x ] || exit 9
name=${2##*/}; name=${name%%_*}; doc=$3/usr/share/doc/$name
mkdir -p "$doc"; : > "$doc/copyright"; : > "$doc/${name#asterisk-}.txt.gz" """


def test_installed_packages_are_used_as_they_are(tmp_path, monkeypatch, share):
    monkeypatch.setattr(prompts, "INSTALLED", share)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert prompts.fetch_packages(tmp_path / "debian") == share
    assert not (tmp_path / "debian").exists()


def test_packages_are_downloaded_once(tmp_path, monkeypatch, nothing_installed):
    put_on_path(monkeypatch, tmp_path / "bin", apt_get=APT_GET, dpkg_deb=DPKG_DEB)
    folder = tmp_path / "debian"
    share = prompts.fetch_packages(folder)
    assert share == folder / "unpacked" / "usr" / "share"
    assert (folder / "asked.txt").read_text().split() == list(PACKAGES)
    assert prompts.fetch_packages(folder) == share
    assert (folder / "asked.txt").read_text().split() == list(PACKAGES)
    (folder / "unpacked").rename(folder / "unpacking")  # what a run leaves that was killed while it unpacked
    (folder / "unpacking" / "half.part").touch()
    assert prompts.fetch_packages(folder) == share
    assert not (folder / "unpacking").exists() and not (folder / "unpacked" / "half.part").exists()


def test_a_system_that_drops_documentation_counts_as_not_installed(tmp_path, monkeypatch, share):
    # Small Debian images keep doc/*/copyright and nothing else of doc.
    installed = tmp_path / "installed"
    shutil.copytree(share, installed)
    for path in installed.rglob("*.txt.gz"):
        path.unlink()
    monkeypatch.setattr(prompts, "INSTALLED", installed)
    put_on_path(monkeypatch, tmp_path / "bin", apt_get=APT_GET, dpkg_deb=DPKG_DEB)
    fetched = prompts.fetch_packages(tmp_path / "debian")
    assert fetched != installed
    assert all(
        (fetched / "doc" / name / f"{name.removeprefix('asterisk-')}.txt.gz").is_file() for name in TEXT_PACKAGES
    )


@pytest.mark.parametrize("program", ["apt-get", "dpkg-deb"])
def test_no_package_manager(tmp_path, monkeypatch, nothing_installed, program):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else f"/usr/bin/{name}")
    with pytest.raises(FakeOrRealError, match=f"{program} is not on this system. Run: sudo apt-get update") as error:
        prompts.fetch_packages(tmp_path / "debian")
    assert all(package in str(error.value) for package in PACKAGES)
    assert "FAKEORREAL_DATA" in str(error.value)


def test_apt_get_fails(tmp_path, monkeypatch, nothing_installed):
    script = "echo 'W: first' >&2; echo 'E: Unable to locate package asterisk-core-sounds-en' >&2; exit 100"
    put_on_path(monkeypatch, tmp_path / "bin", apt_get=script, dpkg_deb="exit 9")
    with pytest.raises(FakeOrRealError, match=r"apt-get says 'E: Unable to locate .*Run: sudo apt-get update") as error:
        prompts.fetch_packages(tmp_path / "debian")
    assert "\n" not in str(error.value)


def test_dpkg_deb_fails(tmp_path, monkeypatch, nothing_installed):
    put_on_path(monkeypatch, tmp_path / "bin", apt_get=APT_GET, dpkg_deb="exit 2")
    with pytest.raises(FakeOrRealError, match="dpkg-deb says 'no reason given'"):
        prompts.fetch_packages(tmp_path / "debian")


def test_every_source_is_credited():
    for source in SOURCES:
        assert source.package in PACKAGES
        assert source.licence.startswith("CC-BY")
        assert source.attribution
    assert {source.language for source in SOURCES} == {p.rsplit("-", 1)[1] for p in TEXT_PACKAGES}
