"""Folders of images of any kind: each kind comes out as it looks, and what cannot be used is skipped by name."""

import numpy as np
import pytest
from PIL import Image
from vqspeech_image.corpora.folder import read
from vqspeech_image.store import ImageStore, prepare

from vqspeech.errors import ConfigError, CorpusError, InputError
from vqspeech.training import run as runs


@pytest.fixture
def folder(tmp_path, images):
    for number, pixels in enumerate(images(6, 16, 16, 3)):
        place = tmp_path / ("cats" if number % 2 else "dogs")
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path


def pixels_of(folder, name, **options):
    """The pixels of one file, through the store."""
    corpus = read(folder, **options)
    found = {}
    for block in corpus.blocks():
        found[len(found)] = block
    names = sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".png", ".jpg", ".tif")
    )
    return np.concatenate([block.pixels for block in found.values()])[names.index(name)]


def test_folders_are_classes(folder):
    corpus = read(folder)
    (block,) = corpus.blocks()
    assert corpus.class_names == ("cats", "dogs") and sorted(block.labels) == [0, 0, 0, 1, 1, 1]
    assert corpus.shape == (16, 16, 3) and not corpus.skipped


def test_links_that_lead_in_circles_end(folder):
    (folder / "cats" / "again").symlink_to(folder, target_is_directory=True)
    assert len(next(iter(read(folder).blocks())).pixels) == 6


def test_sixteen_bits_are_scaled_and_not_cut_off(folder):
    values = np.full((16, 16), 257 * 100, np.uint16)
    values[0, 0], values[0, 1] = 0, 65535
    Image.fromarray(values).save(folder / "deep.png")
    pixels = pixels_of(folder, "deep.png")
    assert (
        pixels[5, 5].tolist() == [100] * 3 and pixels[0, 0].tolist() == [0] * 3 and pixels[0, 1].tolist() == [255] * 3
    )


def test_grey_is_spread_over_the_channels_and_colour_made_grey(folder):
    Image.fromarray(np.full((16, 16), 77, np.uint8)).save(folder / "grey.png")
    assert (pixels_of(folder, "grey.png") == 77).all()
    assert pixels_of(folder, "grey.png", channels=1).shape == (16, 16, 1)


def test_transparency_is_laid_on_white(folder):
    values = np.zeros((16, 16, 4), np.uint8)
    values[..., 0], values[:8, :, 3] = 200, 255
    Image.fromarray(values).save(folder / "glass.png")
    pixels = pixels_of(folder, "glass.png")
    assert pixels[0, 0].tolist() == [200, 0, 0] and pixels[15, 0].tolist() == [255] * 3


def test_cmyk_becomes_rgb(folder):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(folder / "print.jpg", quality=95)
    red, green, blue = pixels_of(folder, "print.jpg")[8, 8].tolist()
    assert red > 230 and green < 25 and blue < 25


def test_palettes_and_turned_photographs(folder):
    image = Image.new("RGB", (16, 16), (10, 200, 30))
    image.quantize(4).save(folder / "palette.png")
    assert pixels_of(folder, "palette.png")[3, 3].tolist() == [10, 200, 30]
    exif = Image.Exif()
    # Turned by 90 degrees.
    exif[0x0112] = 6
    Image.new("RGB", (16, 16)).save(folder / "turned.jpg", exif=exif)
    assert read(folder).shape == (16, 16, 3)


def test_what_is_no_image_is_skipped_and_named(folder, tmp_path):
    (folder / "notes.txt").write_text("x")
    (folder / "cats" / "fake.png").write_text("this is text")
    (folder / "empty.jpg").write_bytes(b"")
    Image.fromarray(np.zeros((16, 16), np.float32)).save(folder / "float.tif")
    cut = folder / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(cut)
    cut.write_bytes(cut.read_bytes()[:300])
    corpus = read(folder)
    assert {path.rsplit("/", 1)[1] for path in corpus.skipped} == {"notes.txt", "fake.png", "empty.jpg", "float.tif"}
    assert "4: " in corpus.notes[0] and "notes.txt" in corpus.notes[0]
    # The cut one opens and turns out to be broken when decoded.
    store = prepare(corpus, tmp_path / "out" / "store")
    assert len(store.pixels) == 6 and any("cut.png" in path for path in store.corpus.skipped)


@pytest.mark.parametrize("left", [0, 1])
def test_too_few_images(folder, left):
    for path in sorted(folder.rglob("*.png"))[left:]:
        path.unlink()
    (folder / "notes.txt").write_text("x")
    with pytest.raises(CorpusError, match=f"{left} usable image.*at least 2") as caught:
        read(folder)
    assert "notes.txt" in str(caught.value) and caught.value.exit_code == 2


def test_sizes_that_differ_need_a_size(folder):
    Image.new("RGB", (40, 20)).save(folder / "wide.png")
    with pytest.raises(CorpusError, match=r"16 x 16 to 40 x 20.*corpus.options.size"):
        read(folder)
    (block,) = read(folder, size=8).blocks()
    assert block.pixels.shape == (7, 8, 8, 3)


def test_a_square_is_cut_from_the_centre(folder):
    values = np.zeros((20, 60, 3), np.uint8)
    values[:, 20:40] = 255
    Image.fromarray(values).save(folder / "wide.png")
    assert (pixels_of(folder, "wide.png", size=10) == 255).all()


@pytest.mark.parametrize(
    "options, says", [({"size": 0}, "size"), ({"channels": 2}, "channels"), ({"valid": 0.9, "test": 0.2}, "valid")]
)
def test_options_that_cannot_be(folder, options, says):
    with pytest.raises(ConfigError, match=says):
        read(folder, **options)


def test_sizes_that_the_stride_does_not_divide(folder, tmp_path):
    config = runs.checked({"modality": "image", "corpus": {"name": "image-folder", "options": {"size": 18}}})
    with pytest.raises(ConfigError, match=r"18 x 18.*multiples of 4"):
        runs.prepare(config, tmp_path / "run", folder)
    assert not (tmp_path / "run" / "store").exists()


def test_a_damaged_store_says_what_to_do(folder, tmp_path):
    store = tmp_path / "stored" / "store"
    prepare(read(folder), store)
    (store / "pixels.bin").write_bytes(b"short")
    with pytest.raises(InputError, match="delete that folder"):
        ImageStore.open(store)
