"""Dictionaries of pronunciations, and the network for other words."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vqspeech.alignment import pronunciation
from vqspeech.alignment.pronunciation import PHONES, LetterNetwork, letter_network, read_dictionary
from vqspeech.errors import InputError


def test_a_dictionary_is_read_as_cmudict_is(tmp_path: Path) -> None:
    path = tmp_path / "own.dict"
    path.write_text(";;; comment\n# another\nStella  S T EH1 L AH0\nstella(2) s t eh l er\n\ndon't D OW1 N T\n")
    assert read_dictionary(path) == {"stella": ("S T EH L AH", "S T EH L ER"), "don't": ("D OW N T",)}


@pytest.mark.parametrize(
    ("content", "named"),
    [("a AH\nstella\n", "line 2"), ("stella S T EX", "'EX'"), ("st\u00e4lla S", "line 1"), ("# none\n", "no words")],
)
def test_what_is_no_dictionary_is_refused(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "own.dict"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"own\.dict.*{named}"):
        read_dictionary(path)
    with pytest.raises(InputError, match="missing"):
        read_dictionary(tmp_path / "missing")


def test_the_network_is_a_pair_of_gated_recurrent_units() -> None:
    torch.manual_seed(0)
    size = 16
    embeddings = {"enc": torch.randn(29, size), "dec": torch.randn(74, size)}
    units = {part: torch.nn.GRUCell(size, size) for part in ("enc", "dec")}
    output = torch.nn.Linear(size, 74)
    weights = {"fc_w": output.weight, "fc_b": output.bias}
    for part, unit in units.items():
        weights[f"{part}_emb"] = embeddings[part]
        for name, array in unit.named_parameters():
            kind, _, where = name.partition("_")
            weights[f"{part}_{kind[0]}_{where}"] = array
    arrays = {name: array.detach().numpy().astype(np.float32) for name, array in weights.items()}
    state = torch.zeros(size)
    with torch.inference_mode():
        for symbol in (*(3 + ord(letter) - ord("a") for letter in "wolf"), 2):
            state = units["enc"](embeddings["enc"][symbol], state)
        last, expected = 2, []
        for _ in range(20):
            state = units["dec"](embeddings["dec"][last], state)
            last = int(output(state).argmax())
            if last == 3:
                break
            expected.append(pronunciation._OUTPUTS[last])
    expected = [phone for phone in expected if phone in PHONES]
    assert LetterNetwork(arrays).phones("wolf") == " ".join(expected)
    assert expected


def test_the_network_of_the_wheel_knows_english() -> None:
    assert len(pronunciation._OUTPUTS) == 74
    network = letter_network()
    if network is None:
        pytest.skip("g2p-en is not installed")
    assert network.phones("refraction") == "R IH F R AE K SH AH N"
