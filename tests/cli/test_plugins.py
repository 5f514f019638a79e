"""``vqspeech plugins``, on fake installed distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest
from typer.testing import CliRunner, Result

from vqspeech import __version__
from vqspeech.cli.main import app
from vqspeech.registry import builtin
from vqspeech.registry.hookspecs import HOOKS

OURS = [spec.name for spec in builtin.register_quantizers()]

GOOD = """
    import vqspeech
    from vqspeech.registry.specs import CorpusSpec, QuantizerSpec

    @vqspeech.hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="{name}", target="vqspeech_heavy:Layer", summary="a layer", requires=("json",))]

    @vqspeech.hookimpl
    def register_corpora():
        return [CorpusSpec(name="{name}-corpus", target="vqspeech_heavy:read", summary="a corpus", licence="CC0")]
"""


SOUND = """
    import vqspeech
    from vqspeech.registry.specs import CorpusSpec, QuantizerSpec

    def layer(dim, size=8):
        ...

    def read(root):
        ...

    @vqspeech.hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="{name}", target=layer, summary="a layer")]

    @vqspeech.hookimpl
    def register_corpora():
        return [CorpusSpec(name="{name}-corpus", target=read, summary="a corpus", licence="CC0")]
"""


def plugins(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plugins", *arguments])


def test_list_shows_kind_name_provider_and_summary(fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", GOOD.format(name="lfq"))
    isolated_registry()
    lines = [line.split() for line in plugins("list").stdout.splitlines()]
    assert ["quantizer", "lfq", "vqspeech-lfq", "0.3", "a", "layer"] in lines
    assert ["corpus", "lfq-corpus", "vqspeech-lfq", "0.3", "a", "corpus"] in lines
    assert {line[0] for line in lines} <= set(HOOKS)


def test_list_of_one_kind_as_json(fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", GOOD.format(name="lfq"))
    isolated_registry()
    rows = json.loads(plugins("list", "--kind", "quantizer", "--json").stdout)
    assert [row["name"] for row in rows] == [*OURS, "lfq"]
    assert rows[-1] == {
        "kind": "quantizer",
        "use_as": "lfq",
        "name": "lfq",
        "target": "vqspeech_heavy:Layer",
        "summary": "a layer",
        "api": 1,
        "requires": ["json"],
        "distribution": "vqspeech-lfq",
        "version": "0.3",
        "plugin": "lfq",
    }


def test_list_of_an_unknown_kind(isolated_registry):
    isolated_registry()
    result = plugins("list", "--kind", "quantiser")
    assert result.exit_code == 2
    assert "Did you mean 'quantizer'?" in result.stderr


def test_list_shows_both_of_a_conflict_by_their_full_names(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", GOOD.format(name="lfq"))
    fake_dist("vqspeech-b", GOOD.format(name="lfq"))
    isolated_registry()
    listing = plugins("list").stdout
    assert "vqspeech-a/lfq " in listing
    assert "vqspeech-b/lfq " in listing


def test_list_says_what_is_switched_off(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", GOOD.format(name="lfq"))
    isolated_registry(VQSPEECH_DISABLE_PLUGINS="a")
    assert "switched off: vqspeech-a 0.3" in plugins("list").stdout


@pytest.mark.parametrize("name", ["lfq", "vqspeech-lfq/lfq", "vqspeech-lfq"])
def test_show(name, fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", GOOD.format(name="lfq"))
    isolated_registry()
    text = plugins("show", name).stdout
    assert "quantizer lfq: a layer" in text
    assert "distribution: vqspeech-lfq" in text
    assert "target: vqspeech_heavy:Layer" in text


def test_show_lists_the_options_of_a_target(isolated_registry):
    isolated_registry()
    lines = plugins("show", "phonemes").stdout.splitlines()
    assert "    labels_by: Literal['centre', 'majority'] = 'centre'" in lines
    (row,) = json.loads(plugins("show", "phonemes", "--json").stdout)
    assert "include_silence: bool = False" in row["options"]


def test_show_gives_every_kind_of_the_name(isolated_registry):
    isolated_registry()
    rows = json.loads(plugins("show", "vctk", "--json").stdout)
    assert [row["kind"] for row in rows] == ["corpus", "recipe"]


def test_show_of_an_unknown_name(isolated_registry):
    isolated_registry()
    result = plugins("show", "emma")
    assert result.exit_code == 2
    assert "Did you mean 'ema'?" in result.stderr


def test_doctor_is_content_with_sound_plugins(fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", SOUND.format(name="lfq"))
    isolated_registry()
    result = plugins("doctor")
    assert result.exit_code == 0
    assert "ok      lfq (vqspeech-lfq 0.3): 2 registered, imported in " in result.stdout
    assert "hooks: register_corpora, register_quantizers" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 plugins, 0 broken, 0 name conflicts, 0 switched off"


def test_doctor_names_failures_and_conflicts_and_exits_with_1(fake_dist, isolated_registry):
    fake_dist("vqspeech-bad", "raise ImportError('libfoo.so')")
    fake_dist("vqspeech-typo", "import vqspeech\n@vqspeech.hookimpl\ndef register_quantisers(): return []\n")
    fake_dist("vqspeech-a", GOOD.format(name="ema"))
    isolated_registry()
    result = plugins("doctor")
    assert result.exit_code == 1
    assert "broken  bad (vqspeech-bad 0.3)" in result.stdout
    assert "import: ImportError: libfoo.so" in result.stdout
    assert "hooks: UnknownHook: unknown hook 'register_quantisers'" in result.stdout
    (clash,) = (line for line in result.stdout.splitlines() if line.startswith("clash   quantizer 'ema'"))
    assert f"vqspeech {__version__} (as vqspeech/ema)" in clash
    assert "vqspeech-a 0.3 (as vqspeech-a/ema)" in clash
    assert result.stderr == ""


def test_doctor_survives_and_names_imports_that_hang_crash_or_are_heavy(fake_dist, isolated_registry):
    fake_dist("vqspeech-hang", "import time\ntime.sleep(600)\n")
    fake_dist("vqspeech-crash", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    fake_dist("vqspeech-heavy", "import numpy\n" + textwrap.dedent(SOUND.format(name="heavy")))
    isolated_registry(VQSPEECH_PLUGIN_TIMEOUT="3")
    result = plugins("doctor")
    assert result.exit_code == 1
    assert "broken  hang (vqspeech-hang 0.3): 0 registered, imported in 3000 ms" in result.stdout
    assert "import: ImportTimeout: its import hangs: it did not end within 3 s" in result.stdout
    assert "import: Crash: its import kills the interpreter (SIGSEGV)" in result.stdout
    assert "ok      heavy (vqspeech-heavy 0.3)" in result.stdout
    assert "slow: importing it imports numpy, at every command" in result.stdout


TARGETS = """
    import vqspeech
    from vqspeech.registry.specs import AlignerSpec, ModalitySpec, QuantizerSpec, RecipeSpec

    NUMBER = 3

    def nothing():
        ...

    def run(request, and_more):
        ...

    @vqspeech.hookimpl
    def register_quantizers():
        return [
            QuantizerSpec(name="no-module", target="not_there:Layer", summary=""),
            QuantizerSpec(name="no-attribute", target="vqspeech_targets:Layer", summary=""),
            QuantizerSpec(name="no-function", target="vqspeech_targets:NUMBER", summary=""),
            QuantizerSpec(name="no-dim", target=nothing, summary=""),
            QuantizerSpec(name="not-installed", target="not_there:Layer", summary="", requires=("not_there",)),
        ]

    @vqspeech.hookimpl
    def register_recipes():
        return [RecipeSpec(name="asks-too-much", target=run, summary="", stages=())]
"""


def test_doctor_names_every_target_that_cannot_be_used(fake_dist, isolated_registry):
    fake_dist("vqspeech-targets", TARGETS)
    isolated_registry()
    result = plugins("doctor", "--json")
    assert result.exit_code == 1
    (plugin,) = json.loads(result.stdout)["plugins"]
    assert {failure["stage"] for failure in plugin["failures"]} == {"target"}
    wrong = [failure["message"] for failure in plugin["failures"]]
    for name, detail in {
        "no-module": "ModuleNotFoundError",
        "no-attribute": "AttributeError",
        "no-function": "int",
        "no-dim": "(dim, **options)",
        "asks-too-much": "and_more",
    }.items():
        (message,) = [message for message in wrong if f"'{name}' of vqspeech-targets 0.3" in message]
        assert detail in message
    assert len(wrong) == 5


def test_doctor_survives_targets_that_crash(fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", GOOD.format(name="lfq").replace("vqspeech_heavy", "vqspeech_lfq_crash"))
    fake_dist("vqspeech-lfq-crash", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", entry_points="[x]\n")
    isolated_registry()
    result = plugins("doctor")
    assert result.exit_code == 1
    assert "SIGSEGV" in result.stdout


def test_doctor_names_plugins_that_the_environment_lists_and_nobody_installed(isolated_registry):
    isolated_registry(VQSPEECH_PLUGINS="lqf", VQSPEECH_DISABLE_PLUGINS="other")
    result = plugins("doctor")
    assert result.exit_code == 0
    assert "absent  lqf: named in VQSPEECH_PLUGINS" in result.stdout
    assert "absent  other: " in result.stdout


def test_doctor_as_json_works_even_when_failures_are_errors(fake_dist, isolated_registry):
    fake_dist("vqspeech-bad", "raise ImportError('libfoo.so')")
    isolated_registry(VQSPEECH_STRICT_PLUGINS="1")
    result = plugins("doctor", "--json")
    assert result.exit_code == 1
    (plugin,) = json.loads(result.stdout)["plugins"]
    assert plugin["failures"] == [{"stage": "import", "error": "ImportError", "message": "libfoo.so"}]


def test_fifty_distributions_of_which_five_are_broken(site, fake_dist):
    """In a process of its own, as a user has it; `benchmarks` of the time taken are not a matter of tests."""
    for number in range(50):
        source = textwrap.dedent(GOOD.format(name=f"q{number}")) if number % 10 else f"raise ImportError('no {number}')"
        fake_dist(f"vqspeech-p{number}", source)
    code = (
        "import sys\n"
        "from vqspeech.cli.main import main\n"
        "sys.argv = ['vqspeech', 'plugins', 'list', '--kind', 'quantizer']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code, 'torch' in sys.modules)\n"
    )
    names = ",".join(f"p{number}" for number in range(50))
    environ = os.environ | {"PYTHONPATH": str(site), "VQSPEECH_PLUGINS": names, "VQSPEECH_STRICT_PLUGINS": ""}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    *rows, last = result.stdout.splitlines()
    assert last in ("code 0 False", "code None False")
    # Plugins installed here, as in CI, are listed as switched off.
    rows = [row for row in rows if row.startswith("quantizer ")]
    assert len(rows) == len(OURS) + 45
    assert len(result.stderr.splitlines()) == 5
