"""Recorded steps of training: the same weights as plain ones, and plain ones where a step cannot be repeated."""

import warnings

import pytest
import torch
from replayed import CpuRecorder, count_steps_on_cpus
from runs import MODEL, run

from vqspeech.modality import modality
from vqspeech.nn.decoders.wavenet import PLAIN, WaveNet
from vqspeech.nn.quantize import ema, nearest
from vqspeech.training import draws, recording
from vqspeech.training.processes import alone
from vqspeech.training.stepper import Stepper

STEPS = 7


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch):
    """Compute by operations that a GPU has, and let Adam keep its steps on a CPU "device"."""
    monkeypatch.setattr(WaveNet, "_choose", lambda self, past: PLAIN)
    monkeypatch.setattr("vqspeech.nn.decoders.wavenet.real_sum", lambda nll, real: torch.where(real, nll, 0).sum())
    monkeypatch.setattr(nearest, "_least", lambda scores: scores.argmin(1))
    monkeypatch.setattr(ema.EMAVectorQuantizer, "_on_device", lambda self: True)
    count_steps_on_cpus(monkeypatch)


@pytest.fixture
def stepper(make_config, store):
    def make(**train):
        quantizer = {**MODEL["quantizer"], "revive_below": 0.9}
        model = {**MODEL, "quantizer": quantizer}
        config = make_config(steps=STEPS, model=model, optimizer="muon", accumulate=2, batch_size=5, **train)
        torch.manual_seed(0)
        stepper = Stepper(config, modality(config).task(config, store), alone(config.train))
        stepper.model.start(stepper.task.start_batch(), draws.step_generator(0, -1))
        stepper.model.train()
        return stepper

    return make


def recorder(stepper):
    """Records the steps of a stepper; weights and optimisers are put back after recording."""
    made = CpuRecorder(lambda: [*stepper._recording._weights(), *stepper._recording._state()])
    stepper._recording = recording.Recording(stepper, made)
    return made


def trained(stepper, steps=STEPS):
    """Terms of each step, as the log would have them."""
    return [{name: float(term) for name, term in stepper._advance()[0].items()} for _ in range(steps)]


def test_recorded_steps_are_the_steps(stepper):
    plain, recorded = stepper(), stepper()
    made = recorder(recorded)
    wanted, found = trained(plain), trained(recorded)
    # Three run first, one is recorded, one is compared; two layouts of 3 and 2 crops are one step.
    assert made.replays == STEPS - recording.WARM_UPS - 1
    assert not recorded._recording.ended
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)
    assert any(step["revived"] > 0 for step in wanted)
    assert len({step["nll"] for step in found}) == STEPS
    for (name, one), other in zip(recorded.model.state_dict().items(), plain.model.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3, msg=name)


def test_the_optimisers_of_a_recorded_run_continue_anywhere(stepper):
    plain, recorded = stepper(), stepper()
    recorder(recorded)
    trained(plain, 6)
    trained(recorded, 6)
    for one, other in zip(recorded.optimiser_states(), plain.optimiser_states(), strict=True):
        assert [{**group, "lr": 0} for group in one["param_groups"]] == [
            {**group, "lr": 0} for group in other["param_groups"]
        ]
        assert all(type(group["lr"]) is float for group in one["param_groups"])
        torch.testing.assert_close(one["state"], other["state"], atol=1e-4, rtol=1e-3)
    states = recorded.optimiser_states()
    again = stepper()
    again.model.load_state_dict(recorded.model.state_dict())
    again.load_optimiser_states(states)
    again.steps = recorded.steps = 6
    (one,), (other,) = trained(again, 1), trained(recorded, 1)
    assert {**one, "revived": 0} == pytest.approx({**other, "revived": 0}, rel=1e-4, abs=1e-5)


def ended(stepper, steps=5):
    """The warning with which recording ended, after steps."""
    with pytest.warns(UserWarning, match="not recorded as a CUDA graph") as caught:
        found = trained(stepper, steps)
    assert stepper._recording is None
    (said,) = (str(one.message) for one in caught if "CUDA graph" in str(one.message))
    return said, found


def test_a_model_that_waits_for_the_gpu_runs_without_a_recording(stepper, monkeypatch):
    update = ema.EMAVectorQuantizer.update

    def waiting(self, generator):
        if self._pending is not None and bool(self._pending.counts.sum() > 0):
            update(self, generator)

    monkeypatch.setattr(ema.EMAVectorQuantizer, "update", waiting)
    plain, recorded = stepper(), stepper()
    recorder(recorded)
    said, found = ended(recorded)
    assert "_local_scalar_dense" in said
    for one, other in zip(found, trained(plain, 5), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)


def test_random_numbers_of_its_own_are_noticed(stepper, monkeypatch):
    def noisy(self, waveform, lengths, generator, share=None):
        return self(waveform + 0.01 * torch.rand(waveform.shape, generator=generator), lengths)

    stepper = stepper()
    monkeypatch.setattr(type(stepper.model.encoder), "perturbed", noisy)
    recorder(stepper)
    assert "drawn" in ended(stepper)[0]


def test_an_input_that_a_recording_forgets_is_noticed(stepper, monkeypatch):
    """A number that the host computes from the step, and that the recording repeats."""
    stepper = stepper()
    losses = type(stepper.model.decoder).losses

    def louder(self, *args, **kwargs):
        return {name: term * (1 + 0.1 * stepper.steps) for name, term in losses(self, *args, **kwargs).items()}

    monkeypatch.setattr(type(stepper.model.decoder), "losses", louder)
    recorder(stepper)
    assert "nll was" in ended(stepper)[0]


def test_large_models_are_not_recorded(stepper):
    stepper = stepper()
    recorder(stepper).memory = 0.5
    assert "50% of the GPU's memory" in ended(stepper)[0]


def test_cpus_record_nothing(tmp_path, make_config, store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(make_config(steps=2), tmp_path / "run", store)
