"""A model, and tables of codes of its codebook."""

import numpy as np
import pytest
import tiny

from vqspeech.codec.pitch_codes import pitch_count
from vqspeech.codes import UtteranceCodes
from vqspeech.encoding.tables import table_of

pytest.importorskip("constriction", reason="needs the extra bitstream")


@pytest.fixture(scope="module")
def codec():
    return tiny.codec()


@pytest.fixture
def table(codec):
    """Makes a table of recordings of the given frames, with codes that repeat now and then."""

    def make(*frames, pitch=False, seed=0):
        draw = np.random.default_rng(seed)
        rows = []
        for number, count in enumerate(frames):
            codes = draw.integers(0, 16, (1, count))
            codes = np.where(draw.random((1, count)) < 0.5, codes[:, :1] if count else codes, codes)
            samples = max(0, count * codec.hop_samples - int(draw.integers(0, codec.hop_samples)))
            f0 = draw.integers(0, 147, pitch_count(samples, codec.sample_rate)).astype(np.uint8) if pitch else None
            rows.append(
                UtteranceCodes(id=f"u{number}", speaker="", split="", path="", n_samples=samples, codes=codes, pitch=f0)
            )
        return table_of(codec, rows)

    return make
