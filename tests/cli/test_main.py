"""The command line as a whole: what it lists, what it imports, how errors look."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vqspeech import __version__
from vqspeech.cli.main import app

HEAVY = ("torch", "torchaudio", "librosa", "sklearn", "numpy", "matplotlib", "soundfile", "rich.console")
"""Not pydantic: typer itself imports it when it reads options."""

COMMANDS = """
    import vqspeech
    from vqspeech.registry.specs import CommandSpec

    @vqspeech.hookimpl
    def register_commands():
        return [
            CommandSpec(name="extra", target="vqspeech_extra_app:app", summary="a group from a plugin"),
            CommandSpec(name="fail", target="vqspeech_extra_app:fail", summary="raises what it is told to"),
            CommandSpec(name="number", target="vqspeech_extra_app:number", summary="is no command"),
        ]
"""

APP = """
import errno
import typer
from vqspeech.errors import AudioError, VQSpeechError

app = typer.Typer()
number = 5

@app.command("only")
def only(times: int = 1):
    "Say something."
    print("only " * times)

def fail(how: str):
    raise {
        "input": AudioError("cannot read 'a.wav':\\nnot audio"),
        "work": VQSpeechError("the loss is not a number"),
        "full": OSError(errno.ENOSPC, "No space left on device", "runs/x/model.safetensors"),
        "rust": RuntimeError("I/O error: No space left on device (os error 28)"),
        "denied": PermissionError(errno.EACCES, "Permission denied", "runs/x"),
        "readonly": OSError(errno.EROFS, "Read-only file system", "runs/x"),
        "bug": KeyError("speaker"),
        "stop": KeyboardInterrupt(),
        "stop-said": KeyboardInterrupt("saved; run the same command to go on"),
    }[how]
"""


@pytest.fixture
def cli(site: Path, fake_dist, isolated_registry, monkeypatch):
    fake_dist("vqspeech-extra", COMMANDS)
    (site / "vqspeech_extra_app.py").write_text(APP)
    isolated_registry()
    monkeypatch.delenv("VQSPEECH_DEBUG", raising=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


def test_help_lists_every_command_with_its_summary_and_imports_none(cli):
    result = cli("--help")
    assert result.exit_code == 0
    for line in ("recipe    Run a whole experiment, from corpus to report.", "extra     a group from a plugin"):
        assert line in result.stdout
    assert "vqspeech_extra_app" not in sys.modules
    assert result.stdout.index("recipe  ") < result.stdout.index("plugins  ") < result.stdout.index("extra  ")


def test_version(cli):
    assert cli("--version").stdout == f"vqspeech {__version__}\n"


def test_a_group_of_a_plugin_with_one_command_stays_a_group(cli):
    assert cli("extra", "only", "--times", "2").stdout == "only only \n"
    assert "Say something." in cli("extra", "--help").stdout


def test_an_unknown_command_says_what_is_near(cli):
    result = cli("recip", "list")
    assert result.exit_code == 2
    assert "unknown command 'recip'" in result.stderr
    assert "Did you mean 'recipe'?" in result.stderr


def test_a_target_that_is_no_command_is_an_error(cli):
    result = cli("number")
    assert result.exit_code == 2
    assert "'number': its target is 5, neither a typer.Typer nor a function" in result.stderr


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("input", 2, "Error: cannot read 'a.wav': not audio\n"),
        ("work", 1, "Error: the loss is not a number\n"),
        ("full", 2, "the disk is full while writing 'runs/x/model.safetensors'. Free some space"),
        ("rust", 2, "the disk is full. Free some space"),
        ("denied", 2, "cannot open or write 'runs/x': permission denied"),
        ("readonly", 2, "cannot open or write 'runs/x': the file system is read-only"),
        ("bug", 1, "Error: KeyError: 'speaker'. This is not expected: set VQSPEECH_DEBUG=1 for the traceback\n"),
        ("stop", 130, "Interrupted.\n"),
        ("stop-said", 130, "Interrupted: saved; run the same command to go on\n"),
    ],
)
def test_errors_are_one_paragraph_on_stderr(how, code, message, cli):
    result = cli("fail", how)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_debug_shows_the_traceback(cli, monkeypatch):
    monkeypatch.setenv("VQSPEECH_DEBUG", "1")
    result = cli("fail", "bug")
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("Error: KeyError: 'speaker'\n")


def test_wrong_options_exit_with_2(cli):
    result = cli("extra", "only", "--times", "many")
    assert result.exit_code == 2
    assert "Invalid value for '--times'" in result.stderr


def test_the_same_command_twice_is_listed_with_its_distribution(cli, fake_dist, isolated_registry):
    fake_dist("vqspeech-rival", COMMANDS)
    isolated_registry()
    listing = cli("--help").stdout
    assert "vqspeech-extra/extra" in listing
    assert "vqspeech-rival/extra" in listing
    assert "vqspeech-extra 0.3 and vqspeech-rival 0.3" in cli("extra", "only").stderr
    assert cli("vqspeech-rival/extra", "only").stdout == "only \n"


def test_a_broken_plugin_does_not_break_help(cli, fake_dist, isolated_registry):
    fake_dist("vqspeech-bad", "raise ImportError('no')")
    isolated_registry()
    result = cli("--help")
    assert result.exit_code == 0
    assert "plugin 'bad' (vqspeech-bad 0.3) skipped: ImportError: no" in result.stderr


def run_python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=os.environ | environ, check=False
    )


LISTING = ("--help", "--version", "plugins list", "plugins --help", "recipe list", "recipe --help", "nonsense")


def test_what_only_lists_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from vqspeech.cli.main import main\n"
        f"for words in {LISTING!r}:\n"
        "    sys.argv = ['vqspeech', *words.split()]\n"
        "    try:\n        main()\n    except SystemExit:\n        pass\n"
        f"    print('heavy:', words, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = run_python("-c", code, VQSPEECH_PLUGINS="")
    found = [line for line in result.stdout.splitlines() if line.startswith("heavy:")]
    assert found == [f"heavy: {words} []" for words in LISTING], result.stderr


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, vqspeech, vqspeech.registry.lookup; print([n for n in {HEAVY!r} if n in sys.modules])"
    assert run_python("-c", code).stdout == "[]\n"


def test_python_dash_m_is_the_command():
    result = run_python("-m", "vqspeech", "--version")
    assert (result.returncode, result.stdout) == (0, f"vqspeech {__version__}\n")


def test_public_names_are_listed_and_unknown_ones_are_errors():
    import vqspeech

    assert {"load", "train", "score", "convert", "hookimpl"} <= set(dir(vqspeech)) == set(vqspeech.__all__)
    assert all(getattr(vqspeech, name) is not None for name in dir(vqspeech))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'; public: "):
        _ = vqspeech.nonsense


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_no_traceback():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "vqspeech", "plugins", "list"],
            stdout=full,
            env=os.environ | {"VQSPEECH_DEBUG": ""},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert os.strerror(errno.ENOSPC) in result.stderr or "disk is full" in result.stderr
