"""Results of stages: a damaged one is none, and files that were lost are noticed."""

import pytest

from vqspeech.experiments.stamps import inventory, read_stamped, write_stamped


@pytest.fixture
def out(tmp_path):
    (tmp_path / "listening").mkdir()
    (tmp_path / "listening" / "a.wav").write_bytes(b"12345")
    (tmp_path / "listening" / ".hidden").write_bytes(b"")
    (tmp_path / "codes.parquet").write_bytes(b"codes")
    return tmp_path


def test_files_are_kept_with_the_result(out):
    made = inventory(out, [out / "listening", out / "codes.parquet", out / "missing"])
    assert made == {"listening/a.wav": 5, "codes.parquet": 5}
    assert write_stamped(out / "stages" / "x.json", "stamp", {"pair": (1, 2)}, made) == {"pair": [1, 2]}
    stored = read_stamped(out / "stages" / "x.json")
    assert (stored.stamp, stored.result, dict(stored.files)) == ("stamp", {"pair": [1, 2]}, made)
    assert stored.is_whole(out)
    (out / "listening" / "b.wav").touch()
    assert stored.is_whole(out)
    (out / "listening" / "a.wav").write_bytes(b"123")
    assert not stored.is_whole(out)
    (out / "listening" / "a.wav").unlink()
    assert not stored.is_whole(out)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"stamp": "x"}', '{"stamp": 1, "result": {}}', '{"stamp": "x", "result": []}', "[" * 9000],
)
def test_a_damaged_result_is_none(out, text):
    (out / "x.json").write_text(text)
    assert read_stamped(out / "x.json") is None
    assert read_stamped(out / "listening") is None


def test_a_result_of_an_earlier_release_has_no_files(out):
    (out / "x.json").write_text('{"stamp": "x", "result": {}}')
    assert read_stamped(out / "x.json").is_whole(out)
