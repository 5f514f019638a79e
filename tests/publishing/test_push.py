"""A published model is pushed with huggingface_hub, and only its own files."""

from __future__ import annotations

import sys

import pytest
from published import fake_hub, write_model
from typer.testing import CliRunner

import vqspeech
from vqspeech.cli.main import app
from vqspeech.errors import InputError
from vqspeech.publishing.push import push

__all__ = ["fake_hub"]


def export(*words, code=0):
    result = CliRunner().invoke(app, ["export", *(str(word) for word in words)])
    assert result.exit_code == code, result.output
    return result


def test_export_and_push_and_load_again(tmp_path, fake_hub):
    model = write_model(tmp_path)
    result = export(model, "--out", tmp_path / "out", "--speakers", "p226", "--push", "me/voices", "--private")
    assert result.stdout.splitlines()[-1] == "https://huggingface.co/me/voices"
    assert fake_hub.created == {"me/voices": True}
    assert vqspeech.from_pretrained("me/voices").speakers == ("p226",)
    assert "# me/voices" in (tmp_path / "out" / "README.md").read_text()


def test_only_published_files_are_uploaded(tmp_path, fake_hub):
    model = write_model(tmp_path)
    (model / "train_state.pt").write_bytes(b"private")
    push(model, "me/voices", token="t")
    assert {path.name for path in fake_hub.repositories["me/voices"].iterdir()} == {
        "config.json", "model.safetensors", "checksums.json", "README.md"
    }  # fmt: skip
    assert fake_hub.created == {"me/voices": False}


@pytest.mark.parametrize("name", ["voices", "me/voices@v1", "a/b/c", "me/ voices", ""])
def test_a_name_that_is_no_repository_writes_nothing(tmp_path, fake_hub, name):
    result = export(write_model(tmp_path), "--out", tmp_path / "out", "--push", name, code=2)
    assert "OWNER/NAME" in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_the_hub_refuses_keeps_the_directory_and_says_what_to_do(tmp_path, fake_hub):
    fake_hub.refuses = "401 Client Error"
    result = export(write_model(tmp_path), "--out", tmp_path / "out", "--push", "me/voices", code=2)
    assert "hf auth login" in result.stderr and "401" in result.stderr
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_without_the_extra_nothing_is_written(tmp_path, monkeypatch):
    model = write_model(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = export(model, "--out", tmp_path / "out", "--push", "me/voices", code=2)
    assert "pip install 'vqspeech[hub]'" in result.stderr
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="hub"):
        push(model, "me/voices")


def test_private_is_for_a_push(tmp_path):
    assert "--push" in export(write_model(tmp_path), "--out", tmp_path / "out", "--private", code=2).stderr
