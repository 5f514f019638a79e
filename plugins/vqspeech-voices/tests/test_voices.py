"""The models of this distribution are complete, load by name, and are small enough to come with a `pip install`."""

from pathlib import Path

import pytest
import vqspeech_voices

from vqspeech.testing import assert_light_import, pretrained_checks

NAMES = vqspeech_voices.models()
PACKAGE = Path(vqspeech_voices.__file__).parent
BYTES = 12_000_000

with_weights = pytest.mark.skipif(
    "english" not in NAMES, reason="no weights yet: vqspeech recipe run voices, then vqspeech export"
)


if NAMES:

    @pretrained_checks(*NAMES)
    def test_contract(check):
        check()


@with_weights
def test_everything_fits_twelve_megabytes():
    sizes = {
        path: path.stat().st_size for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    }
    assert sum(sizes.values()) <= BYTES, sorted(sizes.items(), key=lambda item: -item[1])[:5]


@with_weights
@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_where_the_model_comes_from(name):
    card = (PACKAGE / name / "README.md").read_text(encoding="utf-8")
    for part in ("license:", "vqspeech recipe run voices", "WER", "## Data"):
        assert part in card, part


def test_importing_it_is_cheap():
    assert_light_import("vqspeech_voices")


def test_directories_without_weights_are_not_registered():
    registered = [spec.name for spec in vqspeech_voices.register_pretrained()]
    assert registered == NAMES
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"} == set(NAMES)
