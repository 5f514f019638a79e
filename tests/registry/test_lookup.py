"""Looking things up by name: near misses, conflicts, missing requirements, providers."""

from __future__ import annotations

import pytest

from vqspeech import __version__
from vqspeech.errors import InputError, PluginError, UnknownNameError
from vqspeech.registry import builtin, lookup
from vqspeech.registry.hookspecs import HOOKS

OURS = [spec.name for spec in builtin.register_quantizers()]

PLUGIN = """
    import vqspeech
    from vqspeech.registry.specs import QuantizerSpec

    @vqspeech.hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="{name}", target="{target}", summary="from a plugin", requires={requires})]
"""


def plugin(name: str = "lfq", target: str = "math:sqrt", requires: tuple[str, ...] = ()) -> str:
    return PLUGIN.format(name=name, target=target, requires=requires)


def test_specs_are_sorted_by_name(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin("lfq"))
    isolated_registry()
    assert [spec.name for spec in lookup.specs("quantizer")] == sorted(["lfq", *OURS])


def test_get_imports_the_target(fake_dist, isolated_registry):
    import math

    fake_dist("vqspeech-a", plugin("lfq"))
    isolated_registry()
    assert lookup.get("quantizer", "lfq") is math.sqrt


def test_get_gives_a_target_that_is_an_object(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin().replace('"math:sqrt"', "len"))
    isolated_registry()
    assert lookup.get("quantizer", "lfq") is len


def test_an_unknown_name_says_what_is_near_and_where_more_comes_from(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin("lfq"))
    isolated_registry()
    with pytest.raises(UnknownNameError) as caught:
        lookup.get("quantizer", "lqf")
    assert str(caught.value) == (
        f"unknown quantizer 'lqf'; known: {', '.join(sorted(['lfq', *OURS]))}. "
        "Did you mean 'lfq'? Plugins add more: vqspeech plugins list"
    )


def test_an_unknown_kind_is_an_error(isolated_registry):
    isolated_registry()
    with pytest.raises(UnknownNameError, match=r"unknown kind of plugin 'quantiser'.*Did you mean 'quantizer'"):
        lookup.specs("quantiser")


def test_an_unknown_name_mentions_plugins_that_failed(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", "raise ImportError('no')")
    isolated_registry()
    with pytest.raises(UnknownNameError, match=r"1 failed to load: vqspeech plugins doctor"):
        lookup.get("quantizer", "lfq")


@pytest.mark.parametrize("name", ["lfq", "vqspeech-lfq/anything", "vqspeech_lfq/lfq"])
def test_a_name_of_a_plugin_that_failed_says_so(name, fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", "raise ImportError('libfoo.so is missing')")
    isolated_registry()
    with pytest.raises(
        PluginError, match=r"is not available: plugin 'lfq' \(vqspeech-lfq 0\.3\) skipped: ImportError: libfoo"
    ):
        lookup.get("quantizer", name)


def test_a_name_of_a_plugin_that_is_switched_off_says_so(fake_dist, isolated_registry):
    fake_dist("vqspeech-lfq", plugin())
    isolated_registry(VQSPEECH_DISABLE_PLUGINS="lfq")
    with pytest.raises(PluginError, match="switched off"):
        lookup.get("quantizer", "lfq")


@pytest.mark.parametrize("arguments", [("quantizer", "vqspeech-lfq/lfq"), ("quantizer", "lfq", "vqspeech-lfq")])
def test_a_plugin_that_is_not_installed_says_what_to_install(arguments, isolated_registry):
    isolated_registry()
    with pytest.raises(PluginError, match=r"quantizer 'lfq' .* vqspeech-lfq.*pip install vqspeech-lfq"):
        lookup.get(*arguments)


def test_the_same_name_twice_is_listed_twice_and_ambiguous_in_use(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin(target="math:sqrt"), version="1.0")
    fake_dist("vqspeech-b", plugin(target="math:floor"), version="2.0")
    isolated_registry()
    assert [spec.name for spec in lookup.specs("quantizer")].count("lfq") == 2
    with pytest.raises(PluginError) as caught:
        lookup.get("quantizer", "lfq")
    for part in ("vqspeech-a 1.0", "vqspeech-b 2.0", "vqspeech-a/lfq or vqspeech-b/lfq"):
        assert part in str(caught.value)
    assert lookup.get("quantizer", "vqspeech-a/lfq").__name__ == "sqrt"
    assert lookup.get("quantizer", "lfq", distribution="vqspeech-b").__name__ == "floor"


def test_a_built_in_cannot_be_shadowed(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin("ema"))
    host = isolated_registry()
    assert str(lookup.provider("quantizer", "ema")) == f"vqspeech {__version__}"
    assert lookup.provider("quantizer", "vqspeech/ema").distribution == "vqspeech"
    assert lookup.provider("quantizer", "vqspeech-a/ema").distribution == "vqspeech-a"
    assert [(kind, name) for kind, name, _ in host.conflicts()] == [("quantizer", "ema")]


def test_the_provider_is_distribution_and_version(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin("lfq"), version="1.2.3")
    isolated_registry()
    given = lookup.provider("quantizer", "lfq")
    assert (given.distribution, given.version) == ("vqspeech-a", "1.2.3")


def test_a_missing_requirement_says_what_to_install(fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin(requires=("no_such_package", "json", "no_other.part")))
    isolated_registry()
    with pytest.raises(PluginError) as caught:
        lookup.get("quantizer", "lfq")
    message = str(caught.value)
    assert "quantizer 'lfq' of vqspeech-a 0.3" in message
    assert "no_such_package, no_other.part" in message
    assert message.endswith("pip install no-such-package no-other")


@pytest.mark.parametrize("target", ["no_such_module:x", "math:no_such_name"])
def test_a_target_that_does_not_import_names_itself_and_its_giver(target, fake_dist, isolated_registry):
    fake_dist("vqspeech-a", plugin(target=target))
    isolated_registry()
    with pytest.raises(PluginError, match=rf"'lfq' of vqspeech-a 0\.3 cannot be loaded from '{target}'"):
        lookup.get("quantizer", "lfq")


def test_errors_of_look_up_are_unusable_input(isolated_registry):
    isolated_registry()
    with pytest.raises(InputError) as caught:
        lookup.get("quantizer", "nothing")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("kind", HOOKS)
def test_built_in_modules_named_by_targets_exist(kind, isolated_registry):
    """The attribute is found without importing the module."""
    import ast
    import importlib.util

    for entry in isolated_registry().builtin_entries(kind):
        assert isinstance(entry.spec.target, str)
        module, _, attribute = entry.spec.target.partition(":")
        found = importlib.util.find_spec(module)
        assert found is not None and found.origin is not None, entry.spec.target
        with open(found.origin, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        names = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        names |= {
            t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
        }
        names |= {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
        assert attribute in names, entry.spec.target
