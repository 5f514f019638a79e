"""`vqspeech encode` and files: a user's are neither replaced nor deleted; ids are unique over all inputs."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import invoke, listing
from stores import corpus_of, utterance

from vqspeech.codes import CodeTable
from vqspeech.corpora.store import prepare
from vqspeech.encoding import plan, unique_names
from vqspeech.encoding.places import Places
from vqspeech.errors import InputError


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("form", ["file", "folder"])
def test_a_folder_of_the_name_of_the_parts_keeps_its_files(form, readable, run, tone, tmp_path):
    source = tone(tmp_path / "a.wav")
    if not readable:
        source.write_text("no audio")
    out = tmp_path / "music" if form == "folder" else tmp_path / "x.parquet"
    parts = out / "parts" if form == "folder" else tmp_path / "x.parquet.parts"
    parts.mkdir(parents=True)
    (parts / "only_copy.txt").write_text("x")
    pq.write_table(pa.table({"mine": [1]}), parts / "data-00007-of-00009.parquet")
    before = listing(tmp_path)
    result = invoke("encode", run, source, "--out", out)
    assert result.exit_code == (0 if readable else 2), result.stderr
    after = listing(tmp_path)
    made = {out.relative_to(tmp_path).as_posix() + ("/codes.parquet" if form == "folder" else "")}
    assert after.keys() - before.keys() == (made if readable else set())
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["part-00000-of-00001.parquet", "part-00007-of-00009.parquet"])
def test_a_file_of_a_part_s_name_is_refused_and_stays(name, run, tone, tmp_path):
    source = tone(tmp_path / "a.wav")
    (tmp_path / "out" / "parts").mkdir(parents=True)
    pq.write_table(pa.table({"mine": [1]}), tmp_path / "out" / "parts" / name)
    before = listing(tmp_path)
    result = invoke("encode", run, source, "--out", tmp_path / "out")
    assert result.exit_code == 2 and name in result.stderr
    assert listing(tmp_path) == before


@pytest.mark.parametrize("content", ["parquet", "text", "empty", "link"])
def test_a_file_that_is_no_table_of_codes_is_not_replaced(content, run, tone, tmp_path):
    source, mine = tone(tmp_path / "a.wav"), tmp_path / "mydata.parquet"
    if content == "parquet":
        pq.write_table(pa.table({"mine": [1]}), mine)
    elif content == "link":
        mine.symlink_to(tmp_path / "missing")
    else:
        mine.write_text("" if content == "empty" else "mine")
    before = listing(tmp_path)
    result = invoke("encode", run, source, "--out", mine)
    assert result.exit_code == 2 and "mydata.parquet" in result.stderr
    assert listing(tmp_path) == before and not (tmp_path / "missing").exists()


def test_leftovers_of_killed_encodings_are_cleared(run, tone, tmp_path):
    source = tone(tmp_path / "a.wav")
    parts = tmp_path / "x.parquet.parts"
    parts.mkdir()
    for path in (
        tmp_path / "x.parquet.4711.tmp",
        parts / ".part-00000-of-00001.parquet.0123abcd.tmp",
        parts / ".vqspeech-encode",
    ):
        path.write_text("half")
    assert invoke("encode", run, source, "--out", tmp_path / "x.parquet").exit_code == 0
    assert sorted(listing(tmp_path)) == ["a.wav", "x.parquet"]
    assert not parts.exists()


def test_a_second_encoding_of_the_same_table_is_refused_while_the_first_works(run, tone, tmp_path):
    source, out = tone(tmp_path / "a.wav"), tmp_path / "x.parquet"
    with Places.of(out).claimed(alone=True):
        result = invoke("encode", run, source, "--out", out)
        assert result.exit_code == 2 and "another process encodes" in result.stderr
    with Places.of(out).claimed(alone=False):
        # Shards work together.
        assert invoke("encode", run, source, "--out", out, "--shard", "1/2").exit_code == 0
    assert len(CodeTable.read(out)) == 1


@pytest.fixture
def two_stores(tone, tmp_path):
    """Two prepared corpora with an id in common, and a file of the same name."""
    made = []
    for number, name in enumerate(("one", "two")):
        audio = [tone(tmp_path / "audio" / name / f"{stem}.wav", 0.1 + 0.05 * number) for stem in ("same", name)]
        corpus = corpus_of(tmp_path / "audio" / name, [utterance(path) for path in audio])
        made.append(prepare(corpus, tmp_path / "stores" / name, workers=1).directory)
    return made, tone(tmp_path / "audio" / "same.wav", 0.3)


def test_ids_that_occur_in_two_inputs_stay_apart(two_stores, run, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "UTTERANCES_PER_PART", 1)
    stores, file = two_stores
    out = tmp_path / "x.parquet"
    assert invoke("encode", run, *stores, file, "--out", out).exit_code == 0
    table = CodeTable.read(out)
    assert [row.id for row in table] == ["one-same", "one", "two-same", "two", "same"]
    assert [round(row.n_samples / 1600, 1) for row in table] == [1, 1, 1.5, 1.5, 3]
    result = invoke("decode", run, out, "--speaker", "p225", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert sorted(listing(tmp_path / "out")) == ["one-same.wav", "one.wav", "same.wav", "two-same.wav", "two.wav"]


def test_ids_of_one_input_stay_as_they_are_and_one_given_twice_is_encoded_once(two_stores, run, tmp_path):
    (one, _), _ = two_stores
    assert invoke("encode", run, one, f"{one}/../one", "--out", tmp_path / "x.parquet").exit_code == 0
    assert [row.id for row in CodeTable.read(tmp_path / "x.parquet")] == ["same", "one"]


def test_names_are_unique_when_a_numbered_name_is_taken(tmp_path):
    files = [tmp_path / "a.wav", tmp_path / "a.wav", tmp_path / "b" / "a-2.flac"]
    names = unique_names(files)
    assert len(set(names)) == 3 and names[2] == "a-2"


@pytest.mark.parametrize("out", ["a.txt", "folder.parquet"])
def test_places_refuse_what_is_something_else(out, tmp_path):
    (tmp_path / "a.txt").touch()
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(InputError, match=out):
        Places.of(tmp_path / out)


def test_a_file_of_the_name_of_the_folder_of_parts_is_refused(run, tone, tmp_path):
    source = tone(tmp_path / "a.wav")
    (tmp_path / "x.parquet.parts").write_text("mine")
    result = invoke("encode", run, source, "--out", tmp_path / "x.parquet")
    assert result.exit_code == 2 and "x.parquet.parts is a file" in result.stderr
    assert (tmp_path / "x.parquet.parts").read_text() == "mine" and os.listdir(tmp_path).count("x.parquet") == 0
