from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest
from fake_sounddevice import Fake

from vqspeech.errors import InputError
from vqspeech.live import devices
from vqspeech.live.worker import LiveWorker


class Echo:
    step_s = delay_s = 0.02

    def push(self, samples):
        return samples


@pytest.fixture
def fake(monkeypatch):
    def install(*args, **options):
        module = Fake(*args, **options)
        monkeypatch.setitem(sys.modules, "sounddevice", module)
        return module

    return install


def test_microphone_to_loudspeaker(fake):
    sound = np.arange(1, 8001, dtype=np.float32) / 8000
    module, shown = fake(sound), []
    found = devices.find(None, None, 16000)
    assert (found.input, found.output, found.rate) == (1, 0, 16000)
    with LiveWorker(Echo(), rate=16000, input_rate=16000, output_rate=16000, buffer_s=0.2) as worker:
        added = devices.converse(worker, found, seconds=0.9, show=lambda: shown.append(1))
    assert added == pytest.approx(0.03) and module.opened == (16000, 160, (1, 0)) and shown
    played = np.concatenate(module.played)
    assert np.isfinite(played).all()
    start = round(worker.delay_s * 16000) - 160
    heard = played != 0
    places = np.arange(len(played)) - start
    np.testing.assert_array_equal(played[heard], sound[places[heard]])
    assert np.count_nonzero(heard) > 4000


def test_devices_by_number_and_name_and_their_own_rate(fake):
    fake(rates=(48000,))
    found = devices.find("micro", 0, 16000)
    assert found.names == ("Micro phone", "Loud speaker") and found.rate == 48000
    assert "Micro phone" in devices.listing()


@pytest.mark.parametrize(
    ("options", "given", "says"),
    [
        ({"microphone": False}, (None, None), "no microphone found"),
        ({}, ("nothing", None), "no microphone 'nothing' found"),
        ({}, (None, 7), "no loudspeaker 7 found"),
        ({}, (0, None), "no microphone 0 found"),
    ],
)
def test_a_device_that_is_not_there(fake, options, given, says):
    fake(**options)
    with pytest.raises(InputError, match=rf"{says}.*--list-devices"):
        devices.find(*given, 16000)


def test_no_common_rate(fake):
    module = fake(rates=(48000,))
    module.check_input_settings = lambda **options: (_ for _ in ()).throw(module.PortAudioError("Invalid sample rate"))
    with pytest.raises(InputError, match=r"'Micro phone' and 'Loud speaker' cannot be used together.*Invalid"):
        devices.find(None, None, 16000)


def test_a_device_unplugged_while_somebody_speaks(fake):
    fake(np.ones(1000), unplugged_after=10)
    found = devices.find(None, None, 16000)
    worker = LiveWorker(Echo(), rate=16000, input_rate=16000, output_rate=16000)
    with pytest.raises(InputError, match=r"delivers nothing.*unplugged"), worker:
        devices.converse(worker, found)
    assert not worker._thread.is_alive()


def test_a_device_that_cannot_be_opened(fake):
    module = fake()
    found = devices.find(None, None, 16000)
    module.rates = ()
    worker = LiveWorker(Echo(), rate=16000, input_rate=16000, output_rate=16000)
    with pytest.raises(InputError, match=r"'Micro phone'.*Invalid sample rate"), worker:
        devices.converse(worker, found)


@pytest.mark.parametrize(
    ("error", "says"),
    [(ImportError("no"), r"pip install 'vqspeech\[live\]'"), (OSError("PortAudio library not found"), "libportaudio2")],
)
def test_without_the_library(monkeypatch, error, says):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "sounddevice":
            raise error
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=says):
        devices.library()
