"""Several groups of parameters: a loss, a backward pass and an optimiser for each, in one process and in two."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from adversary import TRAIN, Copier, CopyTask, config, trainer
from forked import run_job
from torch import nn

from vqspeech.config import TrainConfig
from vqspeech.errors import PluginError
from vqspeech.runs import RunDirectory
from vqspeech.training.audio import AudioModality, AudioTask
from vqspeech.training.draws import step_generator
from vqspeech.training.groups import ParameterGroups
from vqspeech.training.metrics import read_metrics
from vqspeech.training.processes import launch
from vqspeech.training.schedule import learning_rate_share


def fit(run, task=CopyTask, **train):
    made = trainer(run, launch(TrainConfig(**{**TRAIN, **train})), task, **train)
    made.fit()
    return made


def state(run, step):
    return torch.load(RunDirectory(run).checkpoint(step) / "train_state.pt", weights_only=True)


def test_parameters_are_grouped_and_frozen_ones_belong_to_none():
    model = Copier()
    groups = ParameterGroups(model)
    assert list(groups) == ["main", "adversary"]
    assert {id(p) for p in groups["adversary"]} == {id(p) for p in model.judge.parameters()}
    assert {id(p) for p in groups["main"]} == {id(p) for m in (model.encoder, model.decoder) for p in m.parameters()}
    with groups.only("adversary"):
        assert all(name.startswith("judge") == p.requires_grad for name, p in model.named_parameters())
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {"frozen.weight", "frozen.bias"}


@pytest.mark.parametrize(
    "groups, message",
    [
        (lambda model: {"main": []}, "'main'"),
        (lambda model: {"other": [nn.Parameter(torch.zeros(1))]}, "'other' has a parameter that is not the model's"),
        (lambda model: {"a": [model.weight], "b": [model.weight]}, "'b' and 'a' share a parameter"),
    ],
)
def test_groups_that_cannot_be_are_named(groups, message):
    model = nn.Linear(2, 2)
    model.parameter_groups = lambda: groups(model)
    with pytest.raises(PluginError, match=message):
        ParameterGroups(model)


def test_training_is_what_a_plain_loop_does(tmp_path):
    """Bit for bit: per group a backward pass, clipping and Adam, at learning rates of the schedule."""
    made = fit(tmp_path / "run", steps=5)
    task = CopyTask(config(steps=5))
    model = task.model.train()
    groups = {
        "main": [*model.encoder.parameters(), *model.decoder.parameters()],
        "adversary": [*model.judge.parameters()],
    }
    adams = {name: torch.optim.Adam(parameters, lr=0.01) for name, parameters in groups.items()}
    for step in range(5):
        for name, adam in adams.items():
            model.zero_grad()
            result = model.loss(task.batch(step, 0, 1), step_generator(0, step), group=name)
            result.total.backward()
            nn.utils.clip_grad_norm_(groups[name], 1.0)
            adam.param_groups[0]["lr"] = 0.01 * learning_rate_share(step, made.train)
            adam.step()
    ours, theirs = made.model.state_dict(), model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_loss_of_a_group_sees_only_its_own_parameters_require_gradients(tmp_path):
    model = fit(tmp_path / "run", steps=2, validate_every=2).model
    assert [group for group, _ in model.trained] == ["main", "adversary"] * 2
    for group, names in model.trained:
        assert {name.split(".")[0] for name in names} == ({"judge"} if group == "adversary" else {"encoder", "decoder"})


def test_terms_of_all_groups_are_logged_and_the_criterion_is_the_models(tmp_path):
    fit(tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    trained = [row for row in rows if row["split"] == "train"]
    assert {"error", "fooled", "hinge", "adversary_error", "learning_rate"} <= trained[0].keys()
    valid = [row for row in rows if row["split"] == "valid"]
    assert [row["step"] for row in valid] == [4, 8]
    assert not any("shuffled" in name for name in valid[0])
    best = json.loads((tmp_path / "run" / "checkpoints" / "best.json").read_text())
    lowest = min(valid, key=lambda row: row["error"])
    assert best == {
        "checkpoint": f"step-{lowest['step']:08}",
        "criterion": "error",
        "value": pytest.approx(lowest["error"]),
    }


def test_frozen_parameters_are_neither_optimised_nor_averaged(tmp_path):
    made = fit(tmp_path / "run")
    task = CopyTask(config())
    assert torch.equal(made.model.frozen.weight, task.model.frozen.weight)
    assert made.average.state_dict().keys() == {
        name for name, _ in task.model.named_parameters() if not name.startswith("frozen")
    }
    assert "frozen.weight" in made.average.weights()
    assert len(state(tmp_path / "run", 8)["optimizers"]) == 2


def test_a_model_without_trainable_parameters_is_refused():
    with pytest.raises(PluginError, match="Linear has no trainable parameters"):
        ParameterGroups(nn.Linear(2, 2).requires_grad_(False))


@pytest.mark.parametrize("accumulate", [2, 3])
def test_a_batch_computed_in_parts_trains_the_same(tmp_path, accumulate):
    whole, parts = fit(tmp_path / "a"), fit(tmp_path / "b", accumulate=accumulate)
    torch.testing.assert_close(parts.model.state_dict(), whole.model.state_dict(), atol=1e-6, rtol=1e-4)


def test_a_resumed_run_has_the_same_bits(tmp_path):
    fit(tmp_path / "whole")
    fit(tmp_path / "run")
    shutil.rmtree(RunDirectory(tmp_path / "run").checkpoint(8))
    again = fit(tmp_path / "run")
    assert len(again.model.trained) == 8
    ours, theirs = state(tmp_path / "run", 8), state(tmp_path / "whole", 8)
    for name in ("model", "average"):
        assert all(torch.equal(ours[name][key], theirs[name][key]) for key in theirs[name])
    for own, other in zip(ours["optimizers"], theirs["optimizers"], strict=True):
        assert all(torch.equal(own["state"][key]["exp_avg"], other["state"][key]["exp_avg"]) for key in other["state"])


class TwiceTask(CopyTask):
    """The adversary makes two steps of gradient descent for each step of the generator, at a fifth of its rate."""

    def optimisers(self, trainer):
        return {"adversary": [torch.optim.SGD(trainer.groups["adversary"], lr=0.002)]}

    def step(self, trainer):
        for group in ("adversary", "adversary", "main"):
            trainer.backward(group)
            trainer.descend(group)
        trainer.record({"half": torch.tensor(0.5)})
        trainer.model.update(trainer.generator)


def test_a_task_may_bring_its_step_and_its_optimisers(tmp_path):
    made = fit(tmp_path / "run", TwiceTask, steps=4, validate_every=4)
    assert [group for group, _ in made.model.trained] == ["adversary", "adversary", "main"] * 4
    adversary, main = made.optimisers["adversary"][0], made.optimisers["main"][0]
    assert isinstance(adversary, torch.optim.SGD)
    assert adversary.param_groups[0]["lr"] / main.param_groups[0]["lr"] == pytest.approx(0.2)
    row = read_metrics(tmp_path / "run" / "metrics.jsonl")[-2]
    assert row["split"] == "train"
    assert row["half"] == 0.5


def test_the_step_of_the_docs_trains(tmp_path):
    """The classes of docs/training.md: the adversary makes two steps for each one of the generator, from a step on."""
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    (block,) = re.findall(r"```python\n(@dataclass.*?)```", page, re.DOTALL)
    names = {"dataclass": dataclass, "TrainConfig": TrainConfig, "AudioModality": AudioModality, "AudioTask": AudioTask}
    exec(block, names)
    assert issubclass(names["GanModality"].train_config, TrainConfig)

    class Task(CopyTask):
        step = names["GanTask"].step

    run, kind = tmp_path / "run", names["GanConfig"]
    made = trainer(run, launch(TrainConfig(**TRAIN)), Task, kind, steps=4, adversary_from=3)
    made.fit()
    assert [group for group, _ in made.model.trained] == ["main"] * 3 + ["adversary", "adversary", "main"]


def test_two_processes_train_what_one_trains(tmp_path):
    """Gradients of each group are summed over processes, which end with the same bits."""
    one = fit(tmp_path / "one")

    def work():
        processes = launch(TrainConfig(**TRAIN))
        made = trainer(tmp_path / "two", processes)
        made.fit()
        torch.save(made.model.state_dict(), tmp_path / "two" / f"rank-{processes.rank}.pt")
        processes.close()

    for end in run_job(tmp_path / "job", work):
        assert end.code == 0, end.stderr
    first, second = (torch.load(tmp_path / "two" / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.testing.assert_close(first, dict(one.model.state_dict()), atol=1e-6, rtol=1e-4)
    ours, theirs = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("two", "one"))
    for row, other in zip(ours, theirs, strict=True):
        for name in row.keys() - {"seconds", "samples_per_second"}:
            assert row[name] == pytest.approx(other[name], abs=1e-5), name
