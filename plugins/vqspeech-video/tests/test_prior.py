"""The prior over frames: what it depends on, cached and naive draws, generation, costs."""

import json

import numpy as np
import pytest
import torch
from vqspeech_image.models import load_images
from vqspeech_video.modality import load_frames_prior, places_in_clips
from vqspeech_video.nn.batch import MISSING, history_of
from vqspeech_video.rollout import Rollout, generate, teacher_forced

from vqspeech.corpora.code_store import CodeStore
from vqspeech.errors import CheckpointError, InputError
from vqspeech.generation import require_priors
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.naive import sample_naive


@pytest.fixture(scope="module")
def prior(world):
    return load_frames_prior(world / "prior")


@pytest.fixture(scope="module")
def clips(world):
    """Codes (clips, 6, 1, 4, 4) and actions (clips, 5) of the world."""
    store = CodeStore.open(world / "prior" / "store")
    level = store.at("")
    return level.codes.reshape(24, 6, 1, 4, 4).astype(np.int64), level.conditions.reshape(24, 6)[:, :-1]


def test_clips_are_found_by_frames_without_an_action(world):
    store = CodeStore.open(world / "prior" / "store")
    assert (places_in_clips(store) == np.tile(np.arange(6), 24)).all()
    assert store.condition_names == ("forward", "left", "right")


def test_history_is_the_nearest_frame_first_and_missing_before_the_first():
    codes = torch.arange(4).view(1, 4, 1, 1, 1)
    actions = torch.tensor([[10, 11, 12]])
    history, taken = history_of(codes, actions, 3, 2)
    assert history.flatten().tolist() == [2, 1] and taken.tolist() == [[12, 11]]
    history, taken = history_of(codes, actions, 1, 3)
    assert history.flatten().tolist() == [0, MISSING, MISSING] and taken.tolist() == [[10, MISSING, MISSING]]


def test_cached_draws_are_those_of_the_whole_network(prior, clips):
    codes, actions = (torch.from_numpy(array[:3].copy()) for array in clips)
    history, taken = history_of(codes, actions, 4, 2)
    drawn = prior.model.sample_next(history, taken, seed=5, frame=4)
    uniform = uniform_grid(5, range(3), 1, (4, 4), level=4)
    assert torch.equal(drawn, sample_naive(prior.model, uniform, taken, coarse=history))


def test_a_frame_depends_on_actions_and_history_and_the_twin_on_history_only(prior, world, clips):
    codes, actions = (torch.from_numpy(array[:3].copy()) for array in clips)
    history, taken = history_of(codes, actions, 4, 2)
    twin = load_frames_prior(world / "twin")
    real, other = codes[:, 4], (taken + 1) % 3
    with torch.no_grad():
        for model, steered in ((prior.model, True), (twin.model, False)):
            nats = model.nll(real, taken, history)
            assert torch.equal(nats, model.nll(real, other, history)) != steered
            assert not torch.equal(nats, model.nll(real, taken, (history + 1) % 8))
    assert twin.space.conditions == 0 and prior.space.conditions == 3


def test_generation_is_that_of_steps_and_looks_at_no_frame_beyond_its_history(prior, clips):
    codes, actions = clips[0][:2, :4], clips[1][:2, :3]
    following = np.array([[0, 1, 2], [2, 2, 2]])
    drawn = generate(prior, codes, actions, following, seed=1)
    assert drawn.shape == (2, 3, 1, 4, 4)
    rollout = Rollout(prior, codes, actions, seed=1)
    assert all((rollout.step(following[:, step]) == drawn[:, step]).all() for step in range(3))
    assert rollout.codes.shape[1] <= 3
    # Frame 5 given frames 2 and 3 alone, whose numbers of frames differ, has other draws; its history is the same.
    history = history_of(torch.from_numpy(codes), torch.from_numpy(np.c_[actions, following[:, 0]]), 4, 2)
    again = prior.model.sample_next(*history, seed=1, frame=4)
    assert (again.numpy() == drawn[:, 0]).all()


def test_a_clip_is_drawn_alike_alone_and_among_others(prior, clips):
    codes, actions, following = clips[0][:3, :2], clips[1][:3, :1], np.ones((3, 2), np.int64)
    alone = generate(prior, codes[:1], actions[:1], following[:1], seed=3)
    assert (generate(prior, codes, actions, following, seed=3)[:1] == alone).all()


def test_costs_are_those_of_the_network_frame_by_frame(prior, clips):
    codes, actions = clips[0][:5], clips[1][:5]
    costs = teacher_forced(prior, codes, actions, first=2)
    assert costs.nats.shape == costs.accuracy.shape == (5, 4)
    history, taken = history_of(torch.from_numpy(codes.copy()), torch.from_numpy(actions.copy()), 3, 2)
    with torch.no_grad():
        nats = prior.model.nll(torch.from_numpy(codes[:, 3]), taken, history).mean((1, 2, 3))
    assert costs.nats[:, 1] == pytest.approx(nats.numpy(), abs=1e-5)
    alone = teacher_forced(prior, codes, actions, alone=True).nats
    assert (alone[:, :1] == teacher_forced(prior, codes, (actions + 1) % 3, alone=True).nats[:, :1]).all()


def test_the_prior_is_of_the_codes_of_its_model_only(prior, world, tmp_path, vqspeech):
    images = load_images(world)
    assert require_priors(images, [prior]) == [prior]
    words = (
        "train",
        world.parent / "model.toml",
        "--out",
        tmp_path / "other",
        "--set",
        "seed=1",
        "--set",
        "train.steps=2",
    )
    assert vqspeech(*words).exit_code == 0
    with pytest.raises(CheckpointError, match="not that of"):
        require_priors(load_images(tmp_path / "other"), [prior])


def test_other_codes_and_actions_are_refused(prior, clips):
    codes, actions = clips[0][:2, :3], clips[1][:2, :2]
    for bad_codes, bad_actions, said in (
        (codes[..., :3], actions, "4, 4"),
        (codes + 8, actions, "outside 0 to 7"),
        (codes, actions[:, :1], "one between two"),
        (codes, actions + 3, "knows 0 to 2"),
        (codes[:, :0], actions[:, :0], "needs"),
        (codes.astype(float), actions, "codes are float64"),
        (codes, actions + 0.5, "actions are float64"),
    ):
        with pytest.raises(InputError, match=said):
            Rollout(prior, bad_codes, bad_actions)
    for following, said in (([0, 3], "knows 0 to 2"), ([0], "2 clips"), ([[0], [1]], "2 clips"), ([0.0, 1.0], "float")):
        with pytest.raises(InputError, match=said):
            Rollout(prior, codes, actions).step(np.array(following))
    with pytest.raises(InputError, match="at least one step"):
        generate(prior, codes, actions, np.zeros((2, 0), np.int64))
    for first in (-1, 3):
        with pytest.raises(InputError, match="first"):
            teacher_forced(prior, codes, actions, first)


def test_a_run_without_actions_and_another_prior_are_refused(world, tmp_path, vqspeech):
    (tmp_path / "codes.toml").write_text(
        'modality = "codes"\n[model]\nname = "frames"\nconditioned = false\n[train]\nsteps = 1\n'
    )
    result = vqspeech("train", tmp_path / "codes.toml", "--data-dir", world, "--out", tmp_path / "a")
    assert result.exit_code == 2 and "frames" in result.output
    (tmp_path / "other.toml").write_text('modality = "frames"\n[model]\nname = "pixelcnn"\n')
    result = vqspeech("train", tmp_path / "other.toml", "--data-dir", world, "--out", tmp_path / "b")
    assert result.exit_code == 2 and "pixelcnn" in result.output
    digits = world.parent / "digits.toml"
    text = (world.parent / "model.toml").read_text()
    digits.write_text(text[: text.index("options")].replace("shapes", "digits") + text[text.index("[model]") :])
    result = vqspeech("train", digits, "--out", tmp_path / "digits", "--set", "train.steps=1")
    assert result.exit_code == 0, result.output
    result = vqspeech("train", world.parent / "prior.toml", "--data-dir", tmp_path / "digits", "--out", tmp_path / "c")
    assert result.exit_code == 2 and "clips with actions" in result.output


def test_the_loss_is_compared_with_others_actions(world):
    rows = [json.loads(line) for line in (world / "prior" / "metrics.jsonl").read_text().splitlines()]
    assert any("shuffled" in key for row in rows for key in row)


def test_a_row_is_steered_by_its_own_action_whatever_the_others(prior, clips):
    codes, actions = (torch.from_numpy(array[:4].copy()) for array in clips)
    history, _ = history_of(codes, actions, 3, 2)
    taken = torch.tensor([[2, 0], [MISSING, MISSING], [0, 1], [2, 2]])
    with torch.no_grad():
        together = prior.model.context(history, taken)
        for row in range(4):
            alone = prior.model.context(history[row : row + 1], taken[row : row + 1])
            assert torch.allclose(together[row], alone[0], atol=1e-5)
        same = prior.model.context(history[:1].repeat(2, 1, 1, 1, 1), torch.tensor([[0, 0], [1, 0]]))
        assert not torch.allclose(same[0], same[1])
