"""Components of pages: drawn in a stage, shown on the page."""

import json

from vqspeech.experiments.components import codebook_section, draw_codebooks, draw_training, training_section
from vqspeech.experiments.facts import last_row, say_skipped
from vqspeech.report import Report, write_report

BOOKS = [
    {"size": 4, "codes_used": 2, "perplexity": 2.0, "counts": [3, 3, 0, 0]},
    {"size": 1, "codes_used": 1, "perplexity": 1.0, "counts": [6], "level": "top"},
]


def test_codebooks_and_curves_reach_the_page(tmp_path):
    rows = [{"step": 1, "split": split, "seconds": 1.0, "nll_bits": 4.0} for split in ("train", "valid")]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = draw_codebooks(BOOKS, tmp_path / "pictures")
    curves = draw_training(tmp_path / "metrics.jsonl", tmp_path / "pictures" / "training.png")
    books = codebook_section(BOOKS, [tmp_path / "pictures" / name for name in names], over="all images")
    page = write_report(tmp_path / "report", Report(title="t", sections=(books, training_section(curves)))).read_text()
    assert page.count("<img") == 3
    assert "over all images" in page
    assert books.tables[0].rows == (("0", 4, 2, "2.0", "0.500"), ("top 1", 1, 1, "1.0", None))


def test_the_last_row_of_a_split(tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    assert last_row(metrics, "valid") == {}
    rows = [{"step": step, "split": split, "seconds": 1.0} for step in (1, 2) for split in ("valid", "train")]
    metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert last_row(metrics, "valid")["step"] == 2


def test_skipped_files_are_named_and_counted(capsys):
    say_skipped({})
    say_skipped({f"{number}.wav": "too short" for number in range(7)})
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "skipped 0.wav: too short"
    assert lines[-1] == "skipped 7 files in all"
    assert len(lines) == 6
