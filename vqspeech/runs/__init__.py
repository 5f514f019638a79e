"""Run directories: what they hold, who may use them, and how they are opened and prepared."""

from vqspeech.runs.directory import RunDirectory as RunDirectory
