"""Calls of targets: their arguments, their options and what they return are checked, and errors name the plugin."""

from __future__ import annotations

import pytest

from vqspeech.errors import ConfigError, CorpusError, FailedPluginError, PluginError, UnknownNameError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.contracts import CONTRACTS
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.registry.specs import CorpusSpec, ModalitySpec, QuantizerSpec

PLUGIN = """
    import vqspeech
    from vqspeech.errors import CorpusError
    from vqspeech.registry.specs import CorpusSpec, ModalitySpec, QuantizerSpec

    def no_quantizer(dim, size: int = 8):
        return object()

    def raising(root, clips: int = 4):
        raise (CorpusError("no clips here") if clips == 0 else ZeroDivisionError("division by zero"))

    def nothing(root):
        return None

    class Corpus:
        name, root, variant, skipped, notes = "x", ".", "", {}, ()

    def no_root():
        return None

    class Modality:
        def check(self, config):
            return config

    @vqspeech.hookimpl
    def register_quantizers():
        return [QuantizerSpec(name="odd", target=no_quantizer, summary="")]

    @vqspeech.hookimpl
    def register_corpora():
        make = lambda name, target, **more: CorpusSpec(name=name, target=target, summary="", licence="CC0", **more)
        return [
            make("raising", raising), make("nothing", nothing), make("no-root", no_root),
            make("other", lambda root: Corpus(), media="other"), make("number", "math:pi"),
        ]

    @vqspeech.hookimpl
    def register_modalities():
        return [ModalitySpec(name="empty", target=Modality, summary="", media="other")]
"""


@pytest.fixture(autouse=True)
def plugin(fake_dist, isolated_registry):
    fake_dist("vqspeech-odd", PLUGIN)
    isolated_registry()


def failure(kind, name, *positional, error=PluginError, **options):
    with pytest.raises(error) as caught:
        contracts.call(lookup.find(kind, name), *positional, **options)
    assert type(caught.value) is error
    return str(caught.value)


def test_every_kind_but_commands_has_a_contract():
    assert set(CONTRACTS) == set(HOOKS) - {"command"}


def test_what_a_factory_returns_is_checked():
    message = failure(QuantizerSpec, "odd", 4)
    assert "quantizer 'odd' of vqspeech-odd 0.3" in message
    assert "vqspeech.nn.quantize.protocol.Quantizer" in message
    message = failure(CorpusSpec, "nothing", None)
    assert "corpus 'nothing' of vqspeech-odd 0.3" in message
    assert "NoneType" in message


def test_a_corpus_of_another_medium_needs_what_listings_show():
    assert "counts" in failure(CorpusSpec, "other", None)


def test_a_modality_without_its_methods_is_named():
    message = failure(ModalitySpec, "empty")
    assert "modality 'empty' of vqspeech-odd 0.3" in message
    assert "prepare, open, task" in message


def test_an_exception_inside_a_plugin_names_it():
    message = failure(CorpusSpec, "raising", None, error=FailedPluginError)
    assert "corpus 'raising' of vqspeech-odd 0.3" in message
    assert "ZeroDivisionError: division by zero" in message
    assert FailedPluginError.exit_code == 1


def test_an_error_of_vqspeech_passes_as_it_is():
    assert failure(CorpusSpec, "raising", None, error=CorpusError, options={"clips": 0}) == "no clips here"


def test_options_are_checked_before_the_call():
    message = failure(
        CorpusSpec, "raising", None, error=UnknownNameError, options={"klips": 3}, prefix="corpus.options."
    )
    assert "'corpus.options.klips'" in message
    assert "corpus.options.clips" in message
    failure(CorpusSpec, "raising", None, error=ConfigError, options={"clips": "many"})


def test_a_target_that_cannot_take_the_arguments_of_its_kind_is_named():
    assert "(root, **options)" in failure(CorpusSpec, "no-root", None)
    assert "float" in failure(CorpusSpec, "number", None)


def test_problems_are_found_without_a_call():
    entries = {entry.spec.name: entry for entry in lookup.entries(CorpusSpec) if entry.provider.plugin == "odd"}
    found = {name: contracts.problem(entry) for name, entry in entries.items()}
    assert {name for name, problem in found.items() if problem} == {"no-root", "number"}


def test_no_built_in_has_a_problem(isolated_registry):
    host = isolated_registry()
    broken = [
        problem for kind in HOOKS for entry in host.builtin_entries(kind) if (problem := contracts.problem(entry))
    ]
    assert broken == []
