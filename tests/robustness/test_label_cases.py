"""Alignments as users have them, through `vqspeech analyze phonemes` and `corpora check`, with the right value."""

import json

import numpy as np
import soundfile
from commands import invoke

from vqspeech.alignment.inventories import PHONES_61
from vqspeech.alignment.textgrid import Tier, write_textgrid

PHONE_S, RATE = 0.1, 16000
CONTEXT = "/A:0_0_0/B:1-1-4@1-1&0-40#1-3$1-4!0-1;0-1|x/C:1+1+3/J:4+3-1"


def speech(path, count):
    """Write a recording of a number of phones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.1 * np.random.default_rng(0).normal(size=int(count * PHONE_S * RATE))
    soundfile.write(path.with_suffix(".wav"), sound, RATE)


def grid(path, labels):
    rows = tuple((i * PHONE_S, (i + 1) * PHONE_S, label) for i, label in enumerate(labels))
    write_textgrid(path.with_suffix(".TextGrid"), [Tier("phones", rows)], len(rows) * PHONE_S)


def analysed(run, corpus, *words):
    result = invoke("analyze", "phonemes", run, "--corpus", "folder", "--data-dir", corpus, "--json", *words)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def test_full_context_labels_of_hts_are_scored_as_their_phones(run, tmp_path):
    spoken = [phone for phone in PHONES_61 if phone != "q"]
    padded = ["x", "x", *spoken, "x", "x"]
    for speaker in ("anna", "bert"):
        speech(tmp_path / "hts" / speaker / "1", len(spoken))
        speech(tmp_path / "plain" / speaker / "1", len(spoken))
        grid(tmp_path / "plain" / speaker / "1", spoken)
        lines = [
            f"{i * 10**6} {(i + 1) * 10**6} "
            f"{padded[i]}^{padded[i + 1]}-{phone}+{padded[i + 3]}={padded[i + 4]}@{i}_1{CONTEXT}"
            for i, phone in enumerate(spoken)
        ]
        (tmp_path / "hts" / speaker / "1.lab").write_text("\n".join(lines))
    (hts, warnings), (plain, _) = (analysed(run, tmp_path / name) for name in ("hts", "plain"))
    assert (hts["inventory"], hts["phones"], hts["unknown_phones"]) == ("timit-39", 38, {})
    assert {key: hts[key] for key in ("accuracy", "prior", "frames")} == {
        key: plain[key] for key in ("accuracy", "prior", "frames")
    }
    assert "labels" not in warnings


def test_labels_that_are_no_phones_are_scored_with_a_warning(run, tmp_path):
    speech(tmp_path / "anna" / "1", 300)
    grid(tmp_path / "anna" / "1", [f"word{number}" for number in range(300)])
    found, warnings = analysed(run, tmp_path)
    assert found["phones"] == 300
    assert "No inventory of phones is recognised" in warnings and "300 different labels" in warnings
    checked = invoke("corpora", "check", "folder", "--data-dir", tmp_path)
    assert checked.exit_code == 0 and "300 different labels" in checked.stdout


def test_labels_with_signs_of_formulas_end_no_figure(run, tmp_path):
    speech(tmp_path / "in" / "anna" / "1", 4)
    (tmp_path / "in" / "anna" / "1.lab").write_text("0.0 0.1 $x^$\n0.1 0.3 $a_{$\n0.3 0.4 b\n")
    analysed(run, tmp_path / "in", "--out", tmp_path / "out")
    assert (tmp_path / "out" / "confusion.png").is_file()


def test_one_stem_under_several_speakers_is_scored_with_the_phones_of_each(run, tmp_path):
    names = [f"{speaker}/{session}/001" for speaker in ("anna", "bert", "cleo") for session in ("s1", "s2")]
    for number, name in enumerate(names):
        speech(tmp_path / "in" / name, 4)
        grid(tmp_path / "grids" / name, [f"own{number}"] * 4)
    found, _ = analysed(run, tmp_path / "in", "--alignments", tmp_path / "grids")
    assert (found["utterances"], found["phones"]) == (6, 6)
    # One alignment that fits three speakers belongs to none.
    grid(tmp_path / "more" / "anna" / "s1" / "001", ["x"] * 4)
    grid(tmp_path / "more" / "s2" / "001", ["y"] * 4)
    found, warnings = analysed(run, tmp_path / "in", "--alignments", tmp_path / "more")
    assert (found["utterances"], found["phones"]) == (1, 1)
    assert "1 alignments fit several utterances" in warnings and "'s2/001'" in warnings


def test_a_file_with_a_number_of_hundreds_of_digits_is_named_and_the_others_are_read(run, tmp_path):
    for name in ("good", "digits", "size", "control"):
        speech(tmp_path / "anna" / name, 4)
    grid(tmp_path / "anna" / "good", ["aa", "t"] * 2)
    (tmp_path / "anna" / "digits.phn").write_text(f"0 {'9' * 400} aa\n")
    (tmp_path / "anna" / "size.TextGrid").write_text('File type = "ooTextFile"\nObject class = "TextGrid"\n0\n1\n1e999')
    (tmp_path / "anna" / "control.lab").write_bytes(b"0 5000000 \x8e\n")
    found, warnings = analysed(run, tmp_path)
    assert found["utterances"] == 1
    for name in ("digits.phn", "size.TextGrid", "control.lab"):
        assert f"{name}: " in warnings, name
