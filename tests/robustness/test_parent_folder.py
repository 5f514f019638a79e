"""Every command leaves the folder around its --out, and what vqspeech did not make there, as they were."""

import shutil

import pytest
from commands import invoke
from stores import corpus_of, utterance
from tiny import RUN_TOML, save_codec

from vqspeech.corpora.store import prepare

COMMANDS = {
    "convert": "convert RUN AUDIO --speaker p226 --out OUT",
    "convert one": "convert RUN AUDIO/a.wav --speaker p226 --out OUT/b.flac",
    "encode to a folder": "encode RUN AUDIO --out OUT",
    "encode to a file": "encode RUN AUDIO STORE --out OUT/codes.parquet",
    "encode a shard": "encode RUN AUDIO --out OUT --shard 1/2",
    "decode": "decode RUN CODES --speaker p225 --out OUT",
    "analyze": "analyze codebook RUN --corpus folder --data-dir AUDIO --out OUT",
    "check": "corpora check folder --data-dir AUDIO",
    "verify": "corpora verify STORE",
    "prepare": "corpora prepare folder --data-dir AUDIO --out OUT",
    "train": "train RUN_TOML --data-dir AUDIO --out OUT",
    "train afresh": "train RUN_TOML --data-dir AUDIO --out OUT --fresh",
    "export": "export RUN --dtype float32 --audio AUDIO --out OUT",
    "remove a voice": "speakers remove RUN p225 --out OUT",
    "speakers": "speakers RUN",
    "info": "info RUN",
    "a new plugin": "plugins new quantizer mine --out OUT",
    "a recipe": "recipe run quantizers --out OUT --set nonsense=1",
}
TAKE_ANY_FOLDER = {"convert", "convert one", "encode to a folder", "encode to a file", "encode a shard", "decode"}
TAKE_ANY_FOLDER |= {"a new plugin"}
"""Commands that write into a folder with other files; the others refuse one."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, recordings, a prepared corpus, a table of codes and a configuration."""
    root = tmp_path_factory.mktemp("made")
    save_codec(root / "run")
    from soundfile import write

    audio = root / "audio"
    audio.mkdir()
    for number, name in enumerate(("a", "b", "c"), start=1):
        write(audio / f"{name}.wav", [0.3 * ((k * number) % 50 - 25) / 25 for k in range(4000)], 16000)
    prepare(corpus_of(audio, [utterance(audio / "a.wav")]), root / "store", workers=1)
    (root / "train.toml").write_text(RUN_TOML)
    assert invoke("encode", root / "run", audio, "--out", root / "codes.parquet").exit_code == 0
    return root


def state(folder):
    """Every path below a folder with its content, or the place that a link leads to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (path.lstat().st_mtime_ns, kind) if path.is_file() else kind
    return found


def run(command, made, parent):
    shutil.copytree(made, parent, dirs_exist_ok=True)
    (parent / "out.parquet.parts").mkdir()
    (parent / "out.parquet.parts" / "mine.txt").write_text("mine")
    (parent / "mine.wav").write_text("mine")
    if command == "a new plugin":
        (parent / "out").mkdir()
    places = {
        "RUN": parent / "run",
        "AUDIO": parent / "audio",
        "STORE": parent / "store",
        "CODES": parent / "codes.parquet",
        "RUN_TOML": parent / "train.toml",
        "OUT": parent / "out",
    }
    words = []
    for word in COMMANDS[command].split():
        first, slash, rest = word.partition("/")
        words.append(f"{places[first]}{slash}{rest}" if first in places else word)
    return words


def others(found):
    return {name: value for name, value in found.items() if name.split("/")[0] != "out"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_writes_to_its_folder_only(command, made, tmp_path):
    words = run(command, made, tmp_path)
    before = state(tmp_path)
    result = invoke(*words)
    assert result.exit_code == (2 if command == "a recipe" else 0), result.output
    assert others(state(tmp_path)) == others(before)
    if "OUT" in COMMANDS[command] and result.exit_code == 0:
        assert any((tmp_path / "out").rglob("*"))
        assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith((".tmp", ".part", ".old"))]


@pytest.mark.parametrize("command", [name for name, words in COMMANDS.items() if "OUT" in words])
def test_files_of_a_user_in_the_folder_stay(command, made, tmp_path):
    words = run(command, made, tmp_path)
    for name in ("out/notes.txt", "out/parts/mine.parquet", "out/report/mine.html", "out/checkpoints/step-1.tar"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = state(tmp_path)
    result = invoke(*words)
    after = state(tmp_path)
    assert {name: after.get(name) for name in before} == before
    if command in TAKE_ANY_FOLDER:
        assert result.exit_code == 0, result.output
    else:
        assert result.exit_code == 2, result.output
