"""The plugin host: every way in which a plugin can be broken leaves a record and hurts nobody else."""

from __future__ import annotations

import signal
import sys

import pytest

from vqspeech.errors import PluginError
from vqspeech.registry import builtin, lookup

GOOD = """
    import vqspeech
    from vqspeech.registry.specs import QuantizerSpec

    @vqspeech.hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="{name}", target="math:sqrt", summary="a good one")]
"""

BROKEN = {
    "import": ("raise ImportError('libfoo.so is missing')", "import", "ImportError", "libfoo.so is missing"),
    "exit": ("raise SystemExit('bye')", "import", "SystemExit", "bye"),
    "syntax": ("def (:", "import", "SyntaxError", "invalid syntax"),
    "signature": (
        """
        import vqspeech
        @vqspeech.hookimpl
        def register_corpora(registry): return []
        """,
        "register",
        "PluginValidationError",
        "registry",
    ),
    "misspelt": (
        """
        import vqspeech
        @vqspeech.hookimpl
        def register_quantisers(): return []
        """,
        "hooks",
        "UnknownHook",
        "unknown hook 'register_quantisers'.*Did you mean 'register_quantizers'",
    ),
    "no-hooks": ("x = 1", "hooks", "NoHooks", "hookimpl"),
    "raising": (
        """
        import vqspeech
        @vqspeech.hookimpl
        def register_quantizers(): raise RuntimeError('no luck\\nsecond line')
        """,
        "call",
        "RuntimeError",
        "^no luck$",
    ),
    "bad-name": (
        """
        import vqspeech
        from vqspeech.registry.specs import QuantizerSpec
        @vqspeech.hookimpl
        def register_quantizers(): return [QuantizerSpec(name="Not Good", target="a:b", summary="")]
        """,
        "call",
        "PluginError",
        r"'Not Good' is not of the form \[a-z\]",
    ),
    "bad-target": (
        """
        import vqspeech
        from vqspeech.registry.specs import QuantizerSpec
        @vqspeech.hookimpl
        def register_quantizers(): return [QuantizerSpec(name="good", target="a.b.c", summary="")]
        """,
        "call",
        "PluginError",
        "'a.b.c' is not 'package.module:attribute'",
    ),
    "no-tuple": (
        """
        import vqspeech
        from vqspeech.registry.specs import QuantizerSpec
        @vqspeech.hookimpl
        def register_quantizers(): return [QuantizerSpec(name="good", target="a:b", summary="", requires="numpy")]
        """,
        "call",
        "PluginError",
        "requires 'numpy' is not a tuple of strings",
    ),
    "strange-api": (
        """
        import vqspeech
        from vqspeech.registry.specs import QuantizerSpec
        @vqspeech.hookimpl
        def register_quantizers(): return [QuantizerSpec(name="good", target="a:b", summary="", api=[])]
        """,
        "spec",
        "TypeError",
        "unhashable",
    ),
    "none": (
        """
        import vqspeech
        @vqspeech.hookimpl
        def register_quantizers(): return None
        """,
        "spec",
        "TypeError",
        "returned None; it must return QuantizerSpec",
    ),
    "no-spec": (
        """
        import vqspeech
        @vqspeech.hookimpl
        def register_quantizers(): return ["fsq"]
        """,
        "spec",
        "TypeError",
        "gave 'fsq'; it must give QuantizerSpec",
    ),
    "other-kind": (
        """
        import vqspeech
        from vqspeech.registry.specs import AnalysisSpec
        @vqspeech.hookimpl
        def register_quantizers(): return [AnalysisSpec(name="a", target="a:b", summary="")]
        """,
        "spec",
        "TypeError",
        "gave an object of type AnalysisSpec",
    ),
    "api": (
        """
        import vqspeech
        from vqspeech.registry.specs import QuantizerSpec
        @vqspeech.hookimpl
        def register_quantizers(): return [QuantizerSpec(name="later", target="a:b", summary="", api=99)]
        """,
        "api",
        "UnsupportedApi",
        "'later' follows api 99; this vqspeech knows api 1",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_leaves_a_record_and_hides_nobody(case, fake_dist, isolated_registry):
    source, stage, error, message = BROKEN[case]
    fake_dist("vqspeech-broken", source)
    fake_dist("vqspeech-aaa", GOOD.format(name="first"))
    fake_dist("vqspeech-zzz", GOOD.format(name="last"))
    host = isolated_registry()
    assert {"first", "last", "vq", "ema"} <= {spec.name for spec in lookup.specs("quantizer")}
    (failure,) = host.failures
    assert (failure.provider.distribution, failure.provider.version, failure.provider.plugin) == (
        "vqspeech-broken",
        "0.3",
        "broken",
    )
    assert (failure.stage, failure.error) == (stage, error)
    # `match` gives the better report.
    with pytest.raises(ValueError, match=message):
        raise ValueError(failure.message)
    assert "\n" not in failure.message


def test_metadata_that_cannot_be_parsed_is_a_record(fake_dist, isolated_registry):
    fake_dist("vqspeech-torn", "", entry_points="[vqspeech]\nthis line has no equals sign\n")
    fake_dist("vqspeech-aaa", GOOD.format(name="first"))
    host = isolated_registry()
    assert lookup.spec("quantizer", "first").name == "first"
    (failure,) = host.failures
    assert failure.stage == "metadata"
    assert "entry_points.txt" in failure.message


def test_the_good_part_of_a_partly_broken_plugin_is_used(fake_dist, isolated_registry):
    fake_dist(
        "vqspeech-half", GOOD.format(name="half") + "\n    @vqspeech.hookimpl\n    def register_corpora(): 1 / 0\n"
    )
    host = isolated_registry()
    assert lookup.spec("quantizer", "half").name == "half"
    assert [f.error for f in host.failures] == ["ZeroDivisionError"]
    assert "skipped in part" in host.failures[0].line


def test_two_entry_points_of_one_distribution_stand_alone(site, fake_dist, isolated_registry):
    fake_dist(
        "vqspeech-two", GOOD.format(name="one"), entry_points="[vqspeech]\na = vqspeech_two\nb = vqspeech_missing\n"
    )
    host = isolated_registry()
    assert lookup.spec("quantizer", "one").name == "one"
    assert [(f.provider.plugin, f.stage, f.error) for f in host.failures] == [("b", "import", "ModuleNotFoundError")]


def test_other_groups_and_a_second_copy_are_not_looked_at(tmp_path, site, fake_dist, isolated_registry):
    fake_dist("other", "raise ImportError", entry_points="[console_scripts]\nother = other:main\n")
    fake_dist("vqspeech-twice", GOOD.format(name="twice"))
    copy = site / "vqspeech.twice-0.2.dist-info"
    copy.mkdir()
    (copy / "METADATA").write_text("Name: vqspeech.twice\nVersion: 0.2\n")
    (copy / "entry_points.txt").write_text("[vqspeech]\ntwice = vqspeech_twice\n")
    host = isolated_registry()
    assert len(host.plugins) == 1
    assert not host.failures


def test_a_failure_is_printed_once_on_stderr(fake_dist, isolated_registry, capsys):
    fake_dist("vqspeech-x", "raise ImportError('nothing here')")
    isolated_registry()
    lookup.specs("quantizer")
    lookup.specs("corpus")
    printed = capsys.readouterr().err
    assert printed == "plugin 'x' (vqspeech-x 0.3) skipped: ImportError: nothing here; see `vqspeech plugins doctor`\n"


def test_debug_adds_the_traceback(fake_dist, isolated_registry, capsys):
    fake_dist("vqspeech-x", "raise ImportError('nothing here')")
    isolated_registry(VQSPEECH_PLUGIN_DEBUG="1")
    lookup.specs("quantizer")
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert "vqspeech_x.py" in printed


def test_strict_turns_failures_into_errors(fake_dist, isolated_registry):
    fake_dist("vqspeech-x", "raise ImportError('nothing here')")
    isolated_registry(VQSPEECH_STRICT_PLUGINS="1")
    # A built-in needs no plugin.
    assert lookup.spec("quantizer", "ema").name == "ema"
    with pytest.raises(PluginError, match=r"vqspeech-x 0\.3.*nothing here.*VQSPEECH_STRICT_PLUGINS"):
        lookup.specs("quantizer")


@pytest.mark.parametrize("case", BROKEN)
def test_strict_knows_every_way_of_being_broken(case, fake_dist, isolated_registry):
    fake_dist("vqspeech-broken", BROKEN[case][0])
    isolated_registry(VQSPEECH_STRICT_PLUGINS="1")
    with pytest.raises(PluginError, match=r"vqspeech-broken 0\.3.*VQSPEECH_STRICT_PLUGINS"):
        lookup.specs("quantizer")


@pytest.mark.parametrize(
    ("environ", "loaded"),
    [
        ({}, {"a", "b", "c"}),
        ({"VQSPEECH_PLUGINS": ""}, set()),
        ({"VQSPEECH_PLUGINS": "a, vqspeech_C"}, {"a", "c"}),
        ({"VQSPEECH_DISABLE_PLUGINS": "b"}, {"a", "c"}),
        ({"VQSPEECH_PLUGINS": "a,b", "VQSPEECH_DISABLE_PLUGINS": "vqspeech-b"}, {"a"}),
    ],
)
def test_the_environment_selects_plugins(environ, loaded, fake_dist, isolated_registry):
    for name in "abc":
        fake_dist(f"vqspeech-{name}", GOOD.format(name=f"q-{name}"))
    host = isolated_registry(**environ)
    assert {plugin.provider.plugin for plugin in host.plugins} == loaded
    ours = {spec.name for spec in builtin.register_quantizers()}
    assert {spec.name for spec in lookup.specs("quantizer")} == ours | {f"q-{name}" for name in loaded}
    if "VQSPEECH_DISABLE_PLUGINS" in environ:
        assert "b" in {provider.plugin for provider in host.disabled}


def test_a_plugin_that_is_switched_off_is_not_imported(fake_dist, isolated_registry):
    fake_dist("vqspeech-off", "raise ImportError")
    isolated_registry(VQSPEECH_DISABLE_PLUGINS="off")
    lookup.specs("quantizer")
    assert "vqspeech_off" not in sys.modules


def test_built_ins_are_found_before_third_parties_are_imported(fake_dist, isolated_registry):
    fake_dist("vqspeech-heavy", GOOD.format(name="heavy"))
    isolated_registry()
    lookup.spec("quantizer", "ema")
    assert "vqspeech_heavy" not in sys.modules
    lookup.spec("quantizer", "heavy")
    assert "vqspeech_heavy" in sys.modules


def test_an_import_that_hangs_is_given_up(fake_dist, isolated_registry):
    fake_dist("vqspeech-aaa", GOOD.format(name="first"))
    fake_dist("vqspeech-hang", "import time\ntry:\n    time.sleep(600)\nexcept Exception:\n    pass\n")
    fake_dist("vqspeech-zzz", GOOD.format(name="last"))
    host = isolated_registry(VQSPEECH_PLUGIN_TIMEOUT="0.2")
    assert {"first", "last"} <= {spec.name for spec in lookup.specs("quantizer")}
    (failure,) = host.failures
    assert (failure.provider.plugin, failure.stage, failure.error) == ("hang", "import", "ImportTimeout")
    assert "took longer than 0.2 s" in failure.message
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
