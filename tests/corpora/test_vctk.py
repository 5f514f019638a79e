import pytest

from vqspeech.corpora import vctk
from vqspeech.errors import CorpusError, InputError, UnknownNameError


def text(root, name, words="Please call Stella.\n"):
    path = root / "txt" / name.split("_")[0] / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words)


@pytest.fixture
def release_080(tmp_path, tone):
    root = tmp_path / "VCTK-Corpus"
    for name in ("p225_001", "p225_002", "p280_001", "p315_001", "p376_294"):
        tone(root / "wav48" / name[:4] / f"{name}.wav", rate=48000)
    for name in ("p225_001", "p225_002", "p280_001", "p376_294", "p362_001"):
        text(root, name)
    (root / "wav48" / "p376" / "p376_295.raw").write_bytes(b"\0" * 100)
    (root / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English\n315 18 M\n376  22 M\n"
    )
    return root


@pytest.fixture
def release_092(tmp_path, tone):
    root = tmp_path / "VCTK-Corpus-0.92"
    for name in ("p225_001_mic1", "p225_001_mic2", "p225_002_mic1", "p225_002_mic2", "p280_001_mic1", "s5_001_mic1"):
        tone(root / "wav48_silence_trimmed" / name.split("_")[0] / f"{name}.flac", rate=48000)
    for name in ("p225_001", "p225_002", "p280_001", "s5_001"):
        text(root, name)
    (root / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION COMMENTS \n")
    return root


def test_080_is_read_with_its_quirks_noted(release_080):
    corpus = vctk.read(release_080)
    assert corpus.variant == "VCTK 0.80"
    assert [u.id for u in corpus.utterances] == ["p225_001", "p225_002", "p280_001", "p315_001", "p376_294"]
    assert corpus.speakers == ("p225", "p280", "p315", "p376")
    first = corpus.utterances[0]
    assert (first.text, first.speaker) == ("Please call Stella.", "p225")
    assert first.duration_s == pytest.approx(0.2)
    assert first.path.is_absolute()
    assert {u.speaker: u.text for u in corpus.utterances}["p315"] is None
    notes = " ".join(corpus.notes)
    assert "without any text, used nevertheless, 1: p315" in notes
    assert "Texts without audio, ignored, 1: p362_001" in notes
    assert "no recordings, ignored, 1: p376_295.raw" in notes
    assert "not listed in speaker-info.txt, used nevertheless, 1: p280" in notes
    assert not corpus.skipped
    assert not corpus.synthetic


def test_a_recording_that_occurs_twice_counts_once(release_080, tone):
    tone(release_080 / "wav48" / "p225" / "p225_001.flac")
    (release_080 / "wav48" / "p999").symlink_to("p280")
    corpus = vctk.read(release_080)
    assert [one.id for one in corpus.utterances] == ["p225_001", "p225_002", "p280_001", "p315_001", "p376_294"]
    assert "2: p225/p225_001.wav, p999/p280_001.wav" in " ".join(corpus.notes)


def test_092_is_read_by_microphone(release_092):
    first = vctk.read(release_092)
    assert first.variant == "VCTK 0.92, mic1"
    assert [u.path.name for u in first.utterances] == [
        "p225_001_mic1.flac", "p225_002_mic1.flac", "p280_001_mic1.flac", "s5_001_mic1.flac",
    ]  # fmt: skip
    second = vctk.read(release_092, mic="mic2")
    assert [u.id for u in second.utterances] == ["p225_001", "p225_002"]
    assert any("p280, s5" in note and "omitted" in note for note in second.notes)
    assert {u.id: u.split for u in second.utterances}.items() <= {u.id: u.split for u in first.utterances}.items()
    with pytest.raises(InputError, match=r"'mic3'.*mic1"):
        vctk.read(release_092, mic="mic3")


@pytest.mark.parametrize("below", [False, True])
def test_the_folder_above_and_the_audio_folder_work_too(release_080, below):
    root = release_080 / "wav48" if below else release_080.parent
    assert len(vctk.read(root).utterances) == 5


def test_092_wins_beside_080_and_says_so(release_080, release_092):
    corpus = vctk.read(release_080.parent)
    assert corpus.root == release_092
    assert any("Not read" in note and "VCTK-Corpus/wav48" in note for note in corpus.notes)


def test_16_khz_copy_is_read(tmp_path, tone):
    tone(tmp_path / "wav16/p225/p225_001.wav")
    assert vctk.read(tmp_path).variant == "VCTK 0.80, 16 kHz copy"


@pytest.mark.parametrize("make", ["missing", "file", "void", "other", "hollow"])
def test_an_empty_match_says_what_was_looked_for_and_where(tmp_path, make, tone):
    root = tmp_path / "data"
    if make == "file":
        root.touch()
    elif make != "missing":
        root.mkdir()
    if make == "other":
        tone(root / "speaker" / "a.wav")
    if make == "hollow":
        (root / "wav48" / "p225").mkdir(parents=True)
    with pytest.raises(CorpusError, match=str(root)) as caught:
        vctk.read(root)
    if make in ("other", "hollow"):
        assert "wav48_silence_trimmed/pNNN/pNNN_MMM_mic1.flac" in str(caught.value)
        assert "wav48/pNNN/pNNN_MMM.wav" in str(caught.value)
    assert vctk.find_release(root) is None or make == "hollow"


def test_broken_files_are_named_and_skipped(release_080):
    bad = release_080 / "wav48/p225/p225_002.wav"
    bad.write_text("no audio")
    corpus = vctk.read(release_080)
    assert "p225_002" not in {u.id for u in corpus.utterances}
    assert list(corpus.skipped) == [str(bad)]
    assert "not audio" in corpus.skipped[str(bad)]


def test_speakers_and_utterances_can_be_limited(release_080):
    assert vctk.read(release_080, speakers=2).speakers == ("p225", "p280")
    assert vctk.read(release_080, speakers=["p376", "p225"], max_utterances=1).utterances[0].id == "p225_001"
    assert len(vctk.read(release_080, max_utterances=1).utterances) == 4
    with pytest.raises(UnknownNameError, match="unknown speaker 'p999'; known: p225"):
        vctk.read(release_080, speakers=["p999"])
    with pytest.raises(InputError, match="at least 1"):
        vctk.read(release_080, speakers=0)


def test_splitting_by_speaker_puts_no_speaker_in_two_splits(tmp_path, tone):
    for number in range(60):
        for take in (1, 2):
            tone(tmp_path / f"wav48/p{300 + number}/p{300 + number}_00{take}.wav", seconds=0.01)
    corpus = vctk.read(tmp_path, split_by="speaker")
    assert len({(u.speaker, u.split) for u in corpus.utterances}) == 60
    assert {u.split for u in corpus.utterances} == {"train", "valid", "test"}
    with pytest.raises(InputError, match="'gender'"):
        vctk.read(tmp_path, split_by="gender")


def test_real_092(real_data):
    corpus = vctk.read(real_data("vctk-0.92"))
    assert (corpus.variant, len(corpus.utterances), len(corpus.speakers)) == ("VCTK 0.92, mic1", 161, 13)
    assert not corpus.skipped


def test_real_080(real_data):
    corpus = vctk.read(real_data("vctk-0.80"))
    assert (corpus.variant, len(corpus.utterances), len(corpus.speakers)) == ("VCTK 0.80", 22, 13)
