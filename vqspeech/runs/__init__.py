"""Run directories: layout, lock, opening and prepared data."""

from vqspeech.runs.data import prepare as prepare
from vqspeech.runs.directory import RunDirectory as RunDirectory
from vqspeech.runs.lock import RunInUseError as RunInUseError
from vqspeech.runs.lock import locked as locked
from vqspeech.runs.opening import FREE_KEYS as FREE_KEYS
from vqspeech.runs.opening import open_run as open_run
