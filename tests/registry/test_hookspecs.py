"""Hooks: one for each kind of spec, and a built-in of each but trained models."""

from vqspeech.registry.hookspecs import HOOKS, Hooks
from vqspeech.registry.specs import KINDS


def test_every_kind_has_a_hook_a_spec_and_a_built_in(isolated_registry):
    """Only trained models are never built in: vqspeech ships no weights."""
    host = isolated_registry()
    assert list(HOOKS) == [kind.kind for kind in KINDS]
    assert set(HOOKS.values()) == {name for name in vars(Hooks) if name.startswith("register_")}
    for kind in KINDS:
        entries = host.builtin_entries(kind.kind)
        assert entries or kind.kind == "pretrained"
        assert all(type(entry.spec) is kind for entry in entries)
