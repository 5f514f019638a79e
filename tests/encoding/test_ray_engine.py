"""The same command on a local Ray of two workers; skips where Ray is not installed (pip install 'vqspeech[ray]')."""

import sys

import pytest

from vqspeech.encoding.bulk import encode_bulk
from vqspeech.errors import InputError


def test_ray_makes_the_same_table(saved, files, tmp_path, one_by_one):
    pytest.importorskip("ray.data", reason="needs Ray: pip install 'vqspeech[ray]'")
    broken = tmp_path / "broken.wav"
    broken.write_text("no")
    inputs = [*files, broken]
    seen = []
    here = encode_bulk(saved, inputs, tmp_path / "here.parquet")
    there = encode_bulk(
        saved, inputs, tmp_path / "ray.parquet", engine="ray", workers=2, progress=lambda *said: seen.append(said)
    )
    assert (tmp_path / "ray.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()
    assert there.encoded == here.encoded
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_without_ray_it_says_what_to_install(saved, files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'vqspeech\[ray\]'"):
        encode_bulk(saved, files, tmp_path / "codes.parquet", engine="ray")
