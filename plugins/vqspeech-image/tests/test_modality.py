"""After training: images become codes and images again, by files and by stores, and other codes are refused."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_contract import EMA, TOP, TRAIN, images
from typer.testing import CliRunner
from vqspeech_image.modality import ImageModality
from vqspeech_image.models import load_images
from vqspeech_image.store import ImageStore

from vqspeech.cli.main import app
from vqspeech.codes import CodeTable
from vqspeech.errors import ConfigError, InputError
from vqspeech.training import run as runs

MODALITY = ImageModality()


def train(folder, **model):
    values, data = images(**{"normalisation": "none", "quantizer": EMA, **model})(folder)
    config = runs.checked({**values, "modality": "image", "train": {**TRAIN, "steps": 2, "accelerator": "cpu"}})
    runs.open_run(folder / "run", config)
    runs.train(config, folder / "run", runs.prepare(config, folder / "run", data))
    return load_images(folder / "run"), ImageStore.open(folder / "run" / "store")


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return train(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return train(tmp_path_factory.mktemp("two"), **TOP)


@pytest.mark.parametrize(("frozen_share", "counted"), [(0.0, 2), (0.5, 1), (1.0, 0)])
def test_batch_norm_keeps_its_averages_at_the_end(tmp_path, frozen_share, counted):
    model = train(tmp_path, normalisation="batch", frozen_share=frozen_share)[0].model
    for part, starts in ((model.encoder, 1), (model.decoder, 0)):
        norms = [module for module in part.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        assert {int(module.num_batches_tracked) for module in norms} == {starts + counted}


def save(pixels, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0]).save(path)
    return path


@pytest.mark.parametrize("levels", ["one", "two"])
def test_a_store_becomes_a_table_with_splits_and_classes(levels, request, tmp_path):
    loaded, store = request.getfixturevalue(levels)
    seen = []
    table = MODALITY.encode_store(loaded, store, progress=lambda *counts: seen.append(counts))
    assert len(table) == len(store) == seen[-1][0] == seen[-1][1] and table.modality == "image"
    assert [row.speaker for row in table] == [store.class_names[label] for label in store.labels]
    assert [row.split for row in table] == [("train", "valid", "test")[split] for split in store.splits]
    table.write(tmp_path / "codes.parquet")
    row = CodeTable.read(tmp_path / "codes.parquet").rows[3]
    found = loaded.model.encode(torch.from_numpy(store.pixels[3:4].copy()))
    wanted = [found] if levels == "one" else list(found)
    for codes, grid in zip(table.split_levels(row.codes), wanted, strict=True):
        assert np.array_equal(codes, grid[0])


@pytest.mark.parametrize("levels", ["one", "two"])
def test_files_of_a_folder_become_codes_and_png_files_again(levels, request, tmp_path):
    loaded, store = request.getfixturevalue(levels)
    for number in range(3):
        save(store.pixels[number], tmp_path / "in" / "sub" / f"{number}.png")
    (tmp_path / "in" / "notes.txt").write_text("x")
    table = MODALITY.encode(loaded, [tmp_path / "in"])
    stored = MODALITY.encode_store(loaded, store)
    assert [row.id for row in table] == ["0", "1", "2"]
    assert all(np.array_equal(row.codes, stored.rows[number].codes) for number, row in enumerate(table))
    paths = MODALITY.decode(loaded, table, tmp_path / "out", {"seed": 1})
    assert [path.name for path in paths] == ["0.png", "1.png", "2.png"]
    wanted = loaded.model.reconstruct(torch.from_numpy(store.pixels[:3].copy())).numpy()[..., 0]
    assert np.array_equal(np.stack([np.asarray(Image.open(path)) for path in paths]), wanted)


def test_larger_images_are_cut_to_the_model_s_size(one, tmp_path):
    path = save(np.zeros((60, 90, 1), np.uint8), tmp_path / "large.png")
    assert MODALITY.encode(one[0], [path]).rows[0].codes.shape == (1, 7, 7)


def test_a_preview_is_a_grid_of_images(one, tmp_path):
    loaded, store = one
    path = MODALITY.preview(loaded, MODALITY.encode_store(loaded, store), tmp_path / "preview.png")
    assert Image.open(path).size[0] > 7 * 28


@pytest.mark.parametrize("name, content", [("a.png", b"x"), ("b.wav", b"x"), ("nothing", None)])
def test_what_is_no_image_is_named(one, tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        MODALITY.encode(one[0], [tmp_path / name])
    with pytest.raises(InputError, match="no images in"):
        MODALITY.encode(one[0], [(tmp_path / "empty")] if (tmp_path / "empty").mkdir() is None else [])


def test_codes_of_another_model_are_refused(one, two, tmp_path):
    table = MODALITY.encode_store(*one)
    retrained, _ = train(tmp_path, quantizer={**EMA, "codebook_size": 9})
    for other in (two[0], dataclasses.replace(one[0], model=retrained.model)):
        with pytest.raises(InputError, match="another codebook"):
            MODALITY.decode(other, table, tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


def test_a_model_without_codes_says_so(tmp_path):
    loaded, store = train(tmp_path, kind="vae")
    with pytest.raises(InputError, match="vae, which has no codes"):
        MODALITY.encode_store(loaded, store)
    prior = runs.checked({"modality": "codes", "model": {"name": "pixelcnn"}})
    with pytest.raises(InputError, match="vae, which has no codes"):
        runs.prepare(prior, tmp_path / "prior", tmp_path / "run")


@pytest.mark.parametrize("name, now", [("image-prior", "pixelcnn"), ("image-two-stage", "two-stage")])
def test_former_modalities_say_what_to_write_now(name, now):
    with pytest.raises(ConfigError, match=f'modality = "codes".*name = "{now}"'):
        runs.checked({"modality": name, "model": {"by_class": True}})


def test_codes_of_images_are_analysed(one, tmp_path):
    """On the data of the run, and on a corpus that is prepared for the analysis."""
    run, given = one[0].path.parent.parent, one[0].facts["run"]["corpus"]
    data = (
        "--corpus", given["name"], "--data-dir", run.parent,
        *(word for key, value in given["options"].items() for word in ("--set", f"corpus.options.{key}={value}")),
    )  # fmt: skip
    for source in ((), data):
        words = ["analyze", "codebook", run, *source, "--json", "--out", tmp_path]
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["items"] == len(one[1])
    refused = CliRunner().invoke(app, ["analyze", "phonemes", str(run)])
    assert refused.exit_code == 2 and "image" in refused.stderr


def test_images_that_vqspeech_made_are_replaced_and_no_others(one, tmp_path):
    loaded, store = one
    first = dataclasses.replace(table := MODALITY.encode_store(loaded, store), rows=table.rows[:2])
    first.write(tmp_path / "codes.parquet")
    words = ["decode", str(loaded.path), str(tmp_path / "codes.parquet"), "--out", str(tmp_path / "out")]
    for _ in range(2):
        assert CliRunner().invoke(app, words).exit_code == 0
    made = sorted((tmp_path / "out").iterdir())
    assert [path.suffix for path in made] == [".png", ".png"]
    mine = save(store.pixels[5], made[1])
    before = [path.read_bytes() for path in made]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and mine.name in result.stderr and "move it away" in result.stderr
    assert [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())] == before
