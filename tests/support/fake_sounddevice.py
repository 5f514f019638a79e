"""A module in place of sounddevice: a microphone that plays a recording, and a loudspeaker that records."""

from __future__ import annotations

import threading
import time
import types

import numpy as np


class PortAudioError(Exception):
    pass


class Fake(types.ModuleType):
    """The module.

    Parameters
    ----------
    sound : (time,) what the microphone hears; silence afterwards
    rates : rates of both devices, the first by default
    unplugged_after : blocks after which nothing comes any more
    """

    PortAudioError = PortAudioError

    def __init__(self, sound=(), *, rates=(16000,), microphone=True, unplugged_after=None):
        super().__init__("sounddevice")
        self.sound, self.rates, self.unplugged_after = np.asarray(sound, np.float32), rates, unplugged_after
        self.devices = [{"name": "Loud speaker", "index": 0, "max_input_channels": 0}]
        if microphone:
            self.devices.append({"name": "Micro phone", "index": 1, "max_input_channels": 1})
        self.played, self.opened = [], None
        fake = self

        class Stream:
            latency = (0.01, 0.02)

            def __init__(self, *, samplerate, blocksize, device, channels, dtype, latency, callback):
                if samplerate not in fake.rates:
                    raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
                assert (channels, dtype, latency) == (1, "float32", "low")
                fake.opened, self.active = (samplerate, blocksize, device), True
                self._callback, self._size, self._rate = callback, blocksize, samplerate
                self._thread = threading.Thread(target=self._run, daemon=True)

            def _run(self):
                turn = 0
                while self.active:
                    if turn == fake.unplugged_after:
                        self.active = False
                        return
                    given = np.zeros((self._size, 1), np.float32)
                    part = fake.sound[turn * self._size : (turn + 1) * self._size]
                    given[: len(part), 0] = part
                    wanted = np.full((self._size, 1), np.nan, np.float32)
                    self._callback(given, wanted, self._size, None, None)
                    fake.played.append(wanted[:, 0])
                    turn += 1
                    time.sleep(self._size / self._rate)

            def __enter__(self):
                self._thread.start()
                return self

            def __exit__(self, *error):
                self.active = False
                self._thread.join()

        self.Stream = Stream

    def query_devices(self, device=None, kind=None):
        if kind is None:
            return "  0 Loud speaker\n> 1 Micro phone"
        wants = kind == "input"
        found = [one for one in self.devices if (one["max_input_channels"] > 0) == wants]
        if device is not None:
            found = [one for one in found if device == one["index"] or str(device).lower() in one["name"].lower()]
            if not found:
                raise ValueError(f"No {kind} device matching {device!r}")
        if not found:
            raise PortAudioError("Error querying device -1")
        return {**found[0], "default_samplerate": float(self.rates[0])}

    def check_input_settings(self, *, device, channels, dtype, samplerate):
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    check_output_settings = check_input_settings
