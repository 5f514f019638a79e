"""The fixtures that plugin authors get serve our own tests too: fake installed distributions, an isolated registry, a tiny corpus."""

pytest_plugins = ["vqspeech.testing.fixtures"]
