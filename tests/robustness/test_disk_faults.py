"""A fault of the disk at every file operation: an error in words, nothing half-written, and a second run is right."""

import errno
from contextlib import suppress
from itertools import count

import pytest
from commands import invoke, listing
from faults import faults
from tiny import save_codec

from vqspeech.modality import checked
from vqspeech.runs import open_run

COMMANDS = {
    "convert": "convert RUN AUDIO --speaker p226 --temperature 0 --out OUT",
    "encode": "encode RUN AUDIO --out OUT",
    "decode": "decode RUN CODES --speaker p225 --temperature 0 --out OUT",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from soundfile import write

    root = tmp_path_factory.mktemp("made")
    save_codec(root / "run")
    (root / "audio").mkdir()
    write(root / "audio" / "a.wav", [0.3 * (k % 50 - 25) / 25 for k in range(1600)], 16000)
    assert invoke("encode", root / "run", root / "audio", "--out", root / "codes.parquet").exit_code == 0
    return root


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_operation_of_a_command(command, error, made, tmp_path):
    places = {"RUN": made / "run", "AUDIO": made / "audio", "CODES": made / "codes.parquet"}

    def words(out):
        return [places.get(word, out if word == "OUT" else word) for word in COMMANDS[command].split()]

    assert invoke(*words(tmp_path / "right")).exit_code == 0
    right, before = listing(tmp_path / "right"), listing(made)
    for number in count():
        out = tmp_path / f"out-{number}"
        with faults(out, number, error) as struck:
            result = invoke(*words(out))
        if not struck.struck:
            break
        if result.exit_code == 0:
            # As of making a folder that is there.
            assert listing(out) == right
            continue
        assert result.exit_code == 2, (number, result.output)
        assert "Error: " in result.stderr and "not expected" not in result.stderr
        # Finished parts of an encoding are kept, with the mark of their folder.
        left = listing(out).keys() - {"parts/.vqspeech-encode"}
        assert [name for name in left if not name.startswith("parts/part-")] == []
        assert invoke(*words(out)).exit_code == 0
        assert listing(out) == right
    assert number >= 3
    assert listing(made) == before


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_every_operation_of_opening_a_run(error, tmp_path):
    config = checked({"corpus": {"name": "folder"}})
    for number in count():
        run = tmp_path / f"run-{number}"
        with faults(run, number, error) as struck, suppress(OSError):
            open_run(run, config)
        if not struck.struck:
            break
        open_run(run, config)
        assert sorted(listing(run)) == ["config.json"]
    assert number >= 2
