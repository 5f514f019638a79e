"""A model is found by its directory, its registered name or its repository, in this order."""

from __future__ import annotations

import subprocess
import sys

import pytest
from published import fake_hub, plant_model, publish, write_model

from vqspeech.checkpoints.description import describe
from vqspeech.checkpoints.hub import HubOptions
from vqspeech.checkpoints.names import locate
from vqspeech.errors import CheckpointError, InputError, PluginError

__all__ = ["fake_hub"]


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path)


@pytest.fixture
def installed(model, fake_dist, isolated_registry, tmp_path, monkeypatch):
    """A distribution with the model, and an empty working directory."""
    plant_model(fake_dist, model)
    isolated_registry()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return model


@pytest.mark.parametrize("name", ["english", "vqspeech-tiny/english"])
def test_a_registered_name_is_its_directory(installed, name):
    assert locate(name) == installed
    path, facts = describe(name)
    assert path == installed
    assert facts["speakers"] == ["p225", "p226"]


def test_a_directory_of_that_name_comes_first(installed, tmp_path):
    (tmp_path / "here" / "english").mkdir()
    with pytest.raises(CheckpointError, match="english holds no checkpoint"):
        describe("english")
    assert locate("vqspeech-tiny/english") == installed


def test_an_unknown_name_lists_the_known_ones(installed):
    with pytest.raises(CheckpointError) as caught:
        locate("englsh")
    for part in ("no run directory englsh", "known: english", "Did you mean 'english'", "pip install vqspeech-voices"):
        assert part in str(caught.value)


def test_a_name_of_two_distributions_is_ambiguous(installed, fake_dist, isolated_registry, tmp_path):
    plant_model(fake_dist, tmp_path, distribution="vqspeech-other")
    isolated_registry()
    with pytest.raises(PluginError, match="vqspeech-other/english or vqspeech-tiny/english"):
        locate("english")
    assert locate("vqspeech-tiny/english") == installed


def test_a_distribution_without_its_weights_says_so(installed):
    (installed / "model.safetensors").unlink()
    with pytest.raises(PluginError, match=r"'english' of vqspeech-tiny 0\.3 has no model\.safetensors"):
        locate("english")


@pytest.mark.parametrize("path", ["/no/where", "./nowhere", "a/b/c", "runs/vctk", "../x", ""])
def test_what_looks_like_a_path_is_never_looked_up_on_the_hub(installed, fake_hub, path):
    if path:
        with pytest.raises(CheckpointError, match="there is no run directory"):
            locate(path)
    assert fake_hub.calls == []


def test_a_misspelt_run_in_an_existing_folder_is_never_looked_up_on_the_hub(installed, fake_hub, tmp_path):
    (tmp_path / "here" / "models").mkdir()
    with pytest.raises(CheckpointError, match="there is no run directory models/vctk"):
        locate("models/vctk")
    assert fake_hub.calls == []


def test_a_file_is_no_run(installed):
    with pytest.raises(CheckpointError, match="is a file; give the directory"):
        locate(installed / "model.safetensors")


def test_a_revision_is_for_repositories(installed, fake_hub):
    for name in (installed, "english"):
        with pytest.raises(InputError, match="omit revision='v1'"):
            locate(name, HubOptions(revision="v1"))
    with pytest.raises(InputError, match="another revision"):
        locate("owner/model@v2", HubOptions(revision="v1"))


def test_a_repository_is_fetched_without_its_train_state(installed, fake_hub):
    publish(fake_hub, "owner/model", installed)
    found = locate("owner/model")
    assert {path.name for path in found.iterdir()} == {
        "README.md", "checksums.json", "config.json", "model.safetensors"
    }  # fmt: skip
    assert describe("owner/model")[1]["step"] == 3


@pytest.mark.parametrize(("name", "options"), [("owner/m@v1", {}), ("owner/m", {"revision": "v1"})])
def test_a_revision_is_passed_on(installed, fake_hub, name, options):
    publish(fake_hub, "owner/m@v1", installed)
    assert locate(name, HubOptions(**options, token="t", cache_dir="c")).is_dir()
    (call,) = fake_hub.calls
    assert (call["repo_id"], call["revision"], call["token"], call["cache_dir"]) == ("owner/m", "v1", "t", "c")


@pytest.mark.parametrize("gone", ["model.safetensors", "config.json"])
def test_a_repository_of_pickles_is_refused(installed, fake_hub, gone):
    folder = publish(fake_hub, "owner/model", installed)
    (folder / gone).rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError) as caught:
        locate("owner/model")
    assert gone in str(caught.value) and "pickles" in str(caught.value)
    assert not list(fake_hub.cache.rglob("*.bin"))


def test_a_damaged_copy_is_named(installed, fake_hub):
    folder = publish(fake_hub, "owner/model", installed)
    (folder / "model.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged.*force_download=True"):
        locate("owner/model")


def test_an_edited_card_is_no_damage(installed, fake_hub):
    folder = publish(fake_hub, "owner/model", installed)
    (folder / "README.md").write_text("better words")
    assert locate("owner/model").is_dir()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("owner/none", {}, "no repository owner/none on huggingface.co"),
        ("owner/model@v9", {}, "no revision 'v9'"),
        ("gated/model", {}, "is gated: accept its terms"),
        ("owner/model", {"local_files_only": True}, "local_files_only=True forbids"),
    ],
)
def test_what_the_hub_refuses_is_an_error_that_says_what_to_do(installed, fake_hub, name, options, message):
    publish(fake_hub, "owner/model", installed)
    with pytest.raises(InputError, match=message) as caught:
        locate(name, HubOptions(**options))
    assert caught.value.exit_code == 2


def test_without_the_network_the_message_gives_the_cause_and_the_ways_out(installed, fake_hub):
    fake_hub.reachable = False
    with pytest.raises(InputError) as caught:
        locate("owner/model")
    for part in ("cannot be reached", "Name or service not known", "HF_HUB_OFFLINE", "local directory"):
        assert part in str(caught.value)


def test_without_the_extra_the_message_says_what_to_install(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'vqspeech\[hub\]'"):
        locate("owner/model")


def test_describing_a_model_imports_no_torch(model):
    code = (
        "import sys; from vqspeech.checkpoints.description import describe\n"
        f"print(describe({str(model)!r})[1]['step'], [m for m in ('torch', 'numpy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "3 []\n"
