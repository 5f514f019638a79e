"""A published model of a tiny codec, in a fake distribution, and a fake of huggingface_hub."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from tiny import save_codec

from vqspeech.checkpoints.directory import TRAIN_STATE

DISTRIBUTION = """
    import pathlib
    import vqspeech
    from vqspeech.registry.specs import PretrainedSpec

    @vqspeech.hookimpl
    def register_pretrained():
        return [PretrainedSpec(name={name!r}, target=model, summary="two voices", licence="CC0")]

    def model():
        return pathlib.Path({path!r})
"""
ERRORS = (
    "HfHubHTTPError", "RepositoryNotFoundError", "RevisionNotFoundError", "GatedRepoError", "LocalEntryNotFoundError",
    "HFValidationError",
)  # fmt: skip


def write_model(folder: Path) -> Path:
    """Write what `vqspeech export` writes: the files of a checkpoint, and a card."""
    made = save_codec(folder / "run").path
    made.joinpath("README.md").write_text("# two voices\n")
    return made.rename(folder / "model")


def plant_model(fake_dist, path: Path, *, name: str = "english", distribution: str = "vqspeech-tiny") -> None:
    """Install a fake distribution that registers the model of a directory."""
    fake_dist(distribution, DISTRIBUTION.format(name=name, path=str(path)))


class FakeHub(ModuleType):
    """`huggingface_hub` without a network: repositories are folders, by ``OWNER/NAME`` or ``OWNER/NAME@REVISION``."""

    def __init__(self, cache: Path) -> None:
        super().__init__("huggingface_hub")
        self.cache, self.calls = cache, []
        self.repositories: dict[str, Path] = {}
        self.created: dict[str, bool] = {}
        self.reachable, self.refuses = True, ""
        self.errors = ModuleType("huggingface_hub.errors")
        self.errors.HfHubHTTPError = type("HfHubHTTPError", (OSError,), {})
        base = {"LocalEntryNotFoundError": FileNotFoundError, "HFValidationError": ValueError}
        for name in ERRORS[1:]:
            setattr(self.errors, name, type(name, (base.get(name, self.errors.HfHubHTTPError),), {}))

    def snapshot_download(self, repo_id, *, revision=None, allow_patterns=None, local_files_only=False, **options):
        self.calls.append({"repo_id": repo_id, "revision": revision, "local_files_only": local_files_only, **options})
        if not self.reachable or local_files_only:
            raise self.errors.LocalEntryNotFoundError("Got: ConnectError: Name or service not known\nmore lines")
        if repo_id == "gated/model":
            raise self.errors.GatedRepoError("403")
        if not any(name.partition("@")[0] == repo_id for name in self.repositories):
            raise self.errors.RepositoryNotFoundError("404 Client Error")
        source = self.repositories.get(f"{repo_id}@{revision}" if revision else repo_id)
        if source is None:
            raise self.errors.RevisionNotFoundError("404 Client Error")
        target = self.cache / repo_id.replace("/", "--") / (revision or "main")
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            if path.name in allow_patterns:
                (target / path.name).write_bytes(path.read_bytes())
        return str(target)

    def HfApi(self, token=None):  # noqa: N802
        return FakeApi(self)


class FakeApi:
    """What `vqspeech.publishing.push` calls of `huggingface_hub.HfApi`."""

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub

    def create_repo(self, repo_id, *, private, exist_ok):
        if self.hub.refuses:
            raise self.hub.errors.HfHubHTTPError(self.hub.refuses)
        assert exist_ok
        self.hub.created[repo_id] = private

    def upload_folder(self, *, repo_id, folder_path, allow_patterns, commit_message):
        assert repo_id in self.hub.created and commit_message
        folder = self.hub.cache.parent / "hub" / repo_id.replace("/", "--")
        folder.mkdir(parents=True)
        for path in Path(folder_path).iterdir():
            if path.name in allow_patterns:
                (folder / path.name).write_bytes(path.read_bytes())
        self.hub.repositories[repo_id] = folder


@pytest.fixture
def fake_hub(tmp_path, monkeypatch) -> FakeHub:
    """Replace huggingface_hub by a fake."""
    hub = FakeHub(tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", hub.errors)
    return hub


def publish(hub: FakeHub, repository: str, model: Path) -> Path:
    """Put a model into a repository of the fake hub, with a train state beside it; return the repository's folder."""
    folder = hub.cache.parent / "hub" / repository.replace("/", "--")
    folder.mkdir(parents=True)
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / TRAIN_STATE).write_bytes(b"never fetched")
    hub.repositories[repository] = folder
    return folder
