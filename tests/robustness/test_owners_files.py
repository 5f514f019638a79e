"""Only what vqspeech made is replaced or deleted: in run directories, reports, stores, evaluations and downloads."""

import hashlib
import json
import warnings

import pytest
from stores import corpus_of, utterance

from vqspeech import audio
from vqspeech.analysis.listening.judge.evaluation import open_folder
from vqspeech.analysis.page import write_result
from vqspeech.checkpoints.kept import Best, Checkpoints
from vqspeech.config import plain
from vqspeech.corpora.download import download_vctk
from vqspeech.corpora.store import prepare
from vqspeech.errors import CorpusError, InputError
from vqspeech.experiments.directory import open_directory
from vqspeech.modality import checked
from vqspeech.report import Report, write_report
from vqspeech.runs import RunDirectory, open_run

CONFIG = {"corpus": {"name": "folder"}}


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def plant(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


FOREIGN = {
    "another program's": {"train": {"epochs": 3, "batch_size": 8}, "data": {}, "model": {"layers": 2}},
    "a checkpoint's": {"format": 1, "corpus": {"name": "x"}, "model": {}, "train": {"steps": 1}},
    "a list": [],
    "no JSON": None,
}


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_folder_with_another_config_is_no_run(kind, fresh, tmp_path):
    names = ("checkpoints/best.pt", "report/index.html", "store/data.db", "results.json", "stages/a.json")
    plant(tmp_path, *names)
    text = "{" if FOREIGN[kind] is None else json.dumps(FOREIGN[kind])
    (tmp_path / "config.json").write_text(text)
    before = content(tmp_path)
    with pytest.raises(InputError, match="no run of vqspeech"):
        open_run(tmp_path, checked(CONFIG), fresh=fresh)
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "left",
    ["config.json.part", "config.json.4711.tmp", ".config.json.0123abcd.tmp", ".report.part/x"],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_what_a_process_killed_at_the_start_left_is_no_hindrance(fresh, left, tmp_path):
    plant(tmp_path, left)
    open_run(tmp_path, checked(CONFIG), fresh=fresh)
    assert json.loads((tmp_path / "config.json").read_text()) == plain(checked(CONFIG))
    assert not (tmp_path / left).exists()


def test_a_half_made_store_is_continued_afresh_too(tmp_path):
    open_run(tmp_path, checked(CONFIG))
    plant(tmp_path, ".store.part/rows/00000.json")
    for fresh in (False, True):
        open_run(tmp_path, checked(CONFIG), fresh=fresh)
    assert sorted(content(tmp_path)) == [".store.part/rows/00000.json", "config.json"]


def test_the_folder_of_a_recipe_starts_beside_leftovers_too(tmp_path):
    plant(tmp_path, ".experiment.json.0123abcd.tmp")
    open_directory(tmp_path, "quantizers")
    assert sorted(content(tmp_path)) == ["experiment.json"]


def test_other_files_are_still_a_hindrance(tmp_path):
    plant(tmp_path, "config.json.part", "notes.txt")
    with pytest.raises(InputError, match="no run of vqspeech"):
        open_run(tmp_path, checked(CONFIG))
    assert sorted(content(tmp_path)) == ["config.json.part", "notes.txt"]


def test_starting_afresh_keeps_a_user_s_files(tmp_path):
    run = RunDirectory(tmp_path)
    open_run(tmp_path, checked(CONFIG))
    ours = (
        "metrics.jsonl", "store/store.json", "store/shards/00000.i16", "checkpoints/best.json", "report/index.html",
        "checkpoints/step-00000100/model.safetensors", "report/audio/a-b.wav", "stages/runs/x.json",
        "listening/a-to-b.png", "decoders/x/checkpoints/step-00000100/config.json", "analyses/codebook/figures/a.png",
    )  # fmt: skip
    mine = (
        "notes.txt", "report/notes.txt", "checkpoints/step-00000100-backup/model.safetensors", "store/thesis.docx",
        "checkpoints/step-00000100/why.txt", "checkpoints/step-00000001.tar", "listening/mine.wav",
    )  # fmt: skip
    plant(tmp_path, *ours, *mine)
    audio.write(tmp_path / "listening" / "a-to-b.wav", [0.0] * 100, 16000)
    with pytest.warns(UserWarning, match="did not make"):
        open_run(tmp_path, checked(CONFIG), fresh=True)
    found = content(tmp_path)
    assert set(found) == {"config.json", "notes.txt", *(f"kept/{name}" for name in mine[1:])}
    assert all(found[name] == b"mine" for name in found if name != "config.json")
    assert run.list_checkpoints() == []
    # A second time: the kept files stay, and nothing takes their names.
    plant(tmp_path, "report/notes.txt")
    with pytest.warns(UserWarning, match="did not make"):
        open_run(tmp_path, checked(CONFIG), fresh=True)
    assert {*found, "kept/report/notes-2.txt"} == set(content(tmp_path))


def test_tidying_deletes_checkpoints_and_nothing_else(tmp_path):
    kept = Checkpoints(tmp_path, keep_last=1)
    files = ("config.json", "model.safetensors", "train_state.pt", "checksums.json")
    for step in (1, 2, 3):
        plant(kept.path(step), *files)
    mine = ("step-00000100-backup/model.safetensors", "step-00000001.tar", ".step-notes/a.txt", "step-00000002/why.txt")
    plant(kept.root, *mine)
    plant(kept.root, ".step-00000009.part/config.json", ".step-00000008.old/config.json")
    kept.tidy(Best())
    steps = {f"step-0000000{step}/{name}" for step in (2, 3) for name in files}
    assert set(content(kept.root)) == {*mine, *steps}


@pytest.fixture
def report():
    return Report(title="A title", facts=(), sections=(), versions={})


def test_a_new_report_keeps_files_that_were_added_to_the_old_one(report, tmp_path):
    write_report(tmp_path / "report", report)
    plant(tmp_path / "report", "notes.txt", "figures/My Figure.png", "audio/old-clip.wav")
    write_report(tmp_path / "report", report)
    assert set(content(tmp_path)) == {"report/index.html", "report/notes.txt", "report/figures/My Figure.png"}
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine"


def test_a_kill_while_a_report_is_replaced_loses_no_file_of_a_user(report, tmp_path):
    write_report(tmp_path / "report", report)
    plant(tmp_path / ".report.old", "notes.txt", "index.html")
    write_report(tmp_path / "report", report)
    assert set(content(tmp_path)) == {"report/index.html", "report/notes.txt"}


def test_a_store_is_replaced_but_not_what_is_beside_it(tone, tmp_path):
    corpus = corpus_of(tmp_path / "data", [utterance(tone(tmp_path / "data" / "a.wav"))])
    prepare(corpus, tmp_path / "store", workers=1)
    plant(tmp_path / "store", "notes.txt")
    prepare(corpus, tmp_path / "store", workers=1)
    assert (tmp_path / "store" / "notes.txt").read_text() == "mine"
    plant(tmp_path / "other", "index.db")
    (tmp_path / "other" / "store.json").write_text('{"name": "a shop"}')
    before = content(tmp_path / "other")
    with pytest.raises(InputError, match="is no audio store"):
        prepare(corpus, tmp_path / "other", workers=1)
    assert content(tmp_path / "other") == before


@pytest.mark.parametrize("ours", [True, False])
def test_the_folder_of_an_evaluation_loses_only_the_evaluation(ours, tmp_path):
    plant(tmp_path, "clips/holiday.mov", "targets/mine.txt", "report/index.html")
    values = {"format": 1, "vqspeech": "0", "runs": [], "judge": {}} if ours else {"accuracy": 0.9}
    (tmp_path / "results.json").write_text(json.dumps(values))
    before = content(tmp_path)
    if not ours:
        with pytest.raises(InputError, match="holds no evaluation"):
            open_folder(tmp_path)
        assert content(tmp_path) == before
        return
    audio.write(tmp_path / "clips" / "original" / "a.wav", [0.0] * 100, 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_folder(tmp_path)
    assert set(content(tmp_path)) == {"kept/clips/holiday.mov", "kept/targets/mine.txt"}


def test_results_of_something_else_are_not_replaced(tmp_path):
    (tmp_path / "result.json").write_text('{"mine": 1}')
    with pytest.raises(InputError, match=r"result\.json"):
        write_result(tmp_path, {"analysis": "codebook", "run": "r"}, (), title="")
    assert (tmp_path / "result.json").read_text() == '{"mine": 1}'
    (tmp_path / "result.json").unlink()
    for _ in range(2):
        write_result(tmp_path, {"analysis": "codebook", "run": "r"}, (), title="")


def test_an_archive_that_was_there_is_not_deleted(tmp_path):
    plant(tmp_path, "VCTK-Corpus-0.92.zip")
    with pytest.raises(CorpusError, match="move it away"):
        download_vctk(tmp_path, url="http://localhost:9/x.zip", sha256=hashlib.sha256(b"other").hexdigest())
    assert set(content(tmp_path)) == {"VCTK-Corpus-0.92.zip"}
