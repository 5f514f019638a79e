"""A model card says what the model is, how it was judged, and what its publisher notes."""

from __future__ import annotations

import json

import pytest
from tiny import save_codec

from vqspeech.codec.load import load_speech
from vqspeech.errors import InputError, UnknownNameError
from vqspeech.publishing.export import ExportOptions, export
from vqspeech.publishing.notes import Notes
from vqspeech.publishing.results import find_results, read_results

NOTES = """---
license: cc-by-4.0
language:
- en
tags: [speech]
---
## Data

CMU ARCTIC, 2 speakers.

## Training

    vqspeech recipe run voices
"""


@pytest.fixture
def codec(tmp_path):
    save_codec(tmp_path / "run")
    return load_speech(tmp_path / "run")


def row(run, kind, voice, wer, cer, similarity=None):
    values = {"wer": wer, "cer": cer, "similarity_target": similarity, "dnsmos": None}
    measures = {
        name: {"value": value, "ci95": None if value is None else [value - 0.1, value + 0.1], "clips": 40}
        for name, value in values.items()
    }
    return {"run": run, "kind": kind, "voice": voice, "clips": 40, "measures": measures}


def results(checkpoint, step=3):
    return {
        "format": 1,
        "runs": [
            {"run": "other", "checkpoint": "/elsewhere/step-1", "step": 1},
            {"run": "mine", "checkpoint": str(checkpoint), "step": step},
        ],
        "data": {"variant": "LibriSpeech test-clean", "heard_in_training": False},
        "judge": {"recogniser": {"name": "whisper", "model": "tiny.en"}},
        "rows": [
            row("", "original", None, 0.05, 0.02),
            row("other", "conversion", None, 0.9, 0.8, 0.5),
            row("mine", "conversion", None, 0.25, 0.125, 0.81),
            row("mine", "conversion", "p225", 0.2, 0.1, 0.8),
        ],
    }


def written(codec, tmp_path, **options):
    path = export(codec, tmp_path / "english", ExportOptions(**options)).path / "README.md"
    head, _, body = path.read_text().removeprefix("---\n").partition("\n---\n")
    return head, body


def metadata(head):
    return {line.partition(": ")[0]: json.loads(line.partition(": ")[2]) for line in head.splitlines()}


def test_without_notes_and_results_it_says_that_they_are_missing(codec, tmp_path):
    made = export(codec, tmp_path / "english")
    assert len(made.missing) == 2
    head, body = written(codec, tmp_path)
    assert metadata(head) == {
        "library_name": "vqspeech",
        "pipeline_tag": "audio-to-audio",
        "tags": ["vq-vae", "speech-tokenizer", "voice-conversion", "wavenet"],
    }
    assert "# english\n" in body
    assert "speech of 16 kHz to 250 frames a second with codes of 16 (1000 bit/s)" in body
    assert "vqspeech convert english RECORDING.wav --speaker p225" in body
    assert 'vqspeech.from_pretrained("english")' in body
    assert "| p226 |" in body
    assert "Not evaluated" in body and "licence of data and weights is not recorded" in body


def test_results_become_a_table_and_metadata(codec, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results(codec.path)))
    head, body = written(codec, tmp_path, results=tmp_path / "results.json")
    values = metadata(head)
    assert values["metrics"] == ["wer", "cer"]
    (entry,) = values["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == "english"
    assert result["dataset"] == {"type": "librispeech-test-clean", "name": "LibriSpeech test-clean"}
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [("wer", 25.0), ("cer", 12.5)]
    assert "| original | all | 40 | 0.05 (-0.05 to 0.15) | 0.02 (-0.08 to 0.12) |  |" in body
    assert "| conversion | p225 | 40 | 0.20 (0.10 to 0.30) | 0.10 (0.00 to 0.20) | 0.80 (0.70 to 0.90) |" in body
    assert "0.90" not in body.replace("0.80 (0.70 to 0.90)", "")
    assert "DNSMOS" not in body
    assert "tiny.en" in body and "on LibriSpeech test-clean, of speakers not heard in training" in body


def test_notes_give_the_licence_and_replace_metadata(codec, tmp_path):
    (tmp_path / "notes.md").write_text(NOTES)
    made = export(codec, tmp_path / "english", ExportOptions(notes=tmp_path / "notes.md"))
    assert [lack for lack in made.missing if "licence" in lack] == []
    head, body = written(codec, tmp_path, notes=tmp_path / "notes.md")
    assert "license: cc-by-4.0\nlanguage:\n- en" in head
    assert head.count("tags:") == 1 and "tags: [speech]" in head
    assert "CMU ARCTIC, 2 speakers." in body and "vqspeech recipe run voices" in body
    assert "not recorded" not in body


def test_notes_and_results_of_the_run_are_found(codec, tmp_path):
    run = tmp_path / "run"
    (run / "card-notes.md").write_text(NOTES)
    (run / "results.json").write_text('{"corpus": "not judged"}')
    assert find_results(run) is None
    (run / "evaluation").mkdir()
    (run / "evaluation" / "results.json").write_text(json.dumps(results(codec.path)))
    assert find_results(run) == run / "evaluation" / "results.json"
    head, body = written(codec, tmp_path)
    assert "license: cc-by-4.0" in head and "model-index" in head
    assert "0.25 (0.15 to 0.35)" in body


def test_rows_of_every_rate_of_the_model_are_in_the_table(codec, tmp_path):
    found = results(codec.path)
    found["runs"].insert(0, {**found["runs"][1], "run": "low", "codebook_sizes": [2]})
    found["runs"][2]["codebook_sizes"] = [16]
    found["rows"].insert(0, row("low", "conversion", None, 0.5, 0.4, 0.7))
    (tmp_path / "results.json").write_text(json.dumps(found))
    head, body = written(codec, tmp_path, results=tmp_path / "results.json")
    assert "| model | speech | voice |" in body
    assert "| low | conversion | all | 40 | 0.50" in body and "| mine | conversion | all | 40 | 0.25" in body
    assert '"value": 25.0' in head and "other |" not in body


def test_notes_describe_voices(codec, tmp_path):
    (tmp_path / "notes.md").write_text("---\nvoices:\n  p226: 'US English, male'\nlicense: cc0-1.0\n---\n")
    head, body = written(codec, tmp_path, notes=tmp_path / "notes.md")
    assert "| p226 | US English, male |" in body
    assert "voices:" not in head and "license: cc0-1.0" in head
    assert load_speech(tmp_path / "english").speaker_notes == {"p226": "US English, male"}
    with pytest.raises(UnknownNameError, match="'p226'"):
        (tmp_path / "notes.md").write_text("---\nvoices:\n  p22: male\n---\n")
        export(codec, tmp_path / "other", ExportOptions(notes=tmp_path / "notes.md"))


def test_results_of_a_recipe_hold_those_of_its_stage_judge(codec, tmp_path):
    (tmp_path / "run" / "results.json").write_text(json.dumps({"steps": 3, "judged": results(codec.path)}))
    assert "0.25 (0.15 to 0.35)" in written(codec, tmp_path)[1]


def test_a_model_that_moved_is_found_in_results_by_its_step(codec, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results("/moved/step-3")))
    judged = read_results(tmp_path, codec)
    assert judged.conversions["measures"]["wer"]["value"] == 0.25


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"rows": [1], "runs": []}', '{"rows": [{"run": "a"}], "runs": [{}]}']
)
def test_results_that_cannot_be_used_are_an_error_that_names_the_file(codec, tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=r"results\.json"):
        export(codec, tmp_path / "english", ExportOptions(results=tmp_path / "results.json"))
    assert not (tmp_path / "english").exists()


def test_a_missing_file_of_results_or_notes_is_an_error(codec, tmp_path):
    for options in ({"results": tmp_path / "none.json"}, {"notes": tmp_path / "none.md"}):
        with pytest.raises(InputError, match="none"):
            export(codec, tmp_path / "english", ExportOptions(**options))


@pytest.mark.parametrize(
    "text", ["---\nlicense: x\n", "---\n  indented first\n---\n", "---\nno colon\n---\n", "---\nvoices:\n  slt\n---\n"]
)
def test_metadata_that_cannot_be_read_are_an_error(tmp_path, text):
    (tmp_path / "notes.md").write_text(text)
    with pytest.raises(InputError, match=r"notes\.md"):
        Notes.read(tmp_path / "notes.md")
