"""What the recipe measures: costs of codes, generated frames, movement, actions read again, diversity, drift."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from vqspeech_image.models import LoadedImages

from vqspeech.corpora.workers import over_processes
from vqspeech.experiments import Result, say
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.naive import sample_naive
from vqspeech.training.codes import LoadedPrior
from vqspeech.training.load import available_cores
from vqspeech_video.evaluation.actions import ActionReader, balanced_accuracy
from vqspeech_video.evaluation.codes import agreement, diversity
from vqspeech_video.evaluation.fidelity import psnr_db, ssim
from vqspeech_video.evaluation.paired import mean_over_clips
from vqspeech_video.evaluation.shift import horizontal_shift, turning
from vqspeech_video.nn.batch import history_of
from vqspeech_video.recipes.doom.clips import Clips, Codes, Frames, decoded
from vqspeech_video.recipes.doom.settings import EvaluateConfig
from vqspeech_video.rollout import generate, teacher_forced

SIGNS = {"left": 1, "right": -1, "forward": 0}
"""Action -> the direction in which the content moves; other actions have none."""
TURNING = ("left", "right")
REAL_STEPS = 5
"""Steps with an action in a real clip from which on its median says how the action moves it."""
CODES_OF_A_PROCESS = 500_000
"""Codes to draw from which on more processes are worth their start of a few seconds."""
NAIVE_POSITIONS = 12
TIMED_CLIPS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Generated:
    """Continuations of clips.

    Parameters
    ----------
    true, random, twin : (clips, seeds, steps, codebooks, rows, columns) with the real actions, with random ones, and
        by the prior without actions
    held : action -> (clips, steps, codebooks, rows, columns), this action in every step
    """

    true: Codes
    random: Codes
    twin: Codes
    held: Mapping[str, Codes]


def continuations(
    prior: LoadedPrior, twin: LoadedPrior, clips: Clips, evaluate: EvaluateConfig, seed: int
) -> Generated:
    """Generate every continuation that is measured, in a process per core where there is much to draw."""
    given, context = clips.codes[:, : evaluate.context], clips.actions[:, : evaluate.context - 1]
    following, count = clips.actions[:, evaluate.context - 1 :], len(clips.action_names)
    draw, seeds = np.random.default_rng(seed), range(seed, seed + evaluate.seeds)
    jobs: dict[tuple[str, int], _Job] = {}
    for number in seeds:
        jobs["true", number] = _Job(prior, following, number)
        jobs["random", number] = _Job(prior, draw.integers(0, count, following.shape), number)
        jobs["twin", number] = _Job(twin, following, number)
    for action in range(count):
        jobs["held", action] = _Job(prior, np.full_like(following, action), seed)
    codes = len(jobs) * following.size * given[0, 0].size
    processes = min(len(jobs), len(available_cores())) if codes > CODES_OF_A_PROCESS else 1
    say(f"generating {len(jobs)} times {evaluate.frames} frames of {len(clips)} clips")
    threads = max(1, len(available_cores()) // processes) if processes > 1 else torch.get_num_threads()
    made = over_processes(partial(_continue, given, context, evaluate.temperature, threads), jobs.values(), processes)
    found = dict(zip(jobs, made, strict=True))
    return Generated(
        held={name: found["held", action] for action, name in enumerate(clips.action_names)},
        **{name: np.stack([found[name, number] for number in seeds], 1) for name in ("true", "random", "twin")},
    )


class _Job(NamedTuple):
    prior: LoadedPrior
    following: Codes
    seed: int


def _continue(given: Codes, actions: Codes, temperature: float, threads: int, job: _Job) -> Codes:
    torch.set_num_threads(threads)
    return generate(job.prior, given, actions, job.following, seed=job.seed, temperature=temperature)


def costs(prior: LoadedPrior, twin: LoadedPrior, clips: Clips, evaluate: EvaluateConfig, seed: int) -> Result:
    """Return the costs of real codes in nats, teacher-forced, from the second frame after the context on."""
    first, draw = evaluate.context, np.random.default_rng(seed)
    true = teacher_forced(prior, clips.codes, clips.actions, first)
    orders = [_derangement(len(clips), draw) for _ in range(evaluate.seeds)]
    others = [teacher_forced(prior, clips.codes, clips.actions[order], first).nats for order in orders]
    permuted = np.mean(others, 0)
    none = teacher_forced(twin, clips.codes, clips.actions, first)
    alone = teacher_forced(prior, clips.codes, clips.actions, first, alone=True)
    copied = agreement(clips.codes[:, first:], clips.codes[:, first - 1 : -1])
    return {
        "true": mean_over_clips(true.nats, seed),
        "permuted": mean_over_clips(permuted, seed),
        "none": mean_over_clips(none.nats, seed),
        "without_history": mean_over_clips(alone.nats, seed),
        "permuted_minus_true": mean_over_clips(permuted - true.nats, seed),
        "none_minus_true": mean_over_clips(none.nats - true.nats, seed),
        "accuracy": mean_over_clips(true.accuracy, seed),
        "accuracy_none": mean_over_clips(none.accuracy, seed),
        "accuracy_copy": mean_over_clips(copied, seed),
    }


def frames_measured(images: LoadedImages, clips: Clips, made: Generated, context: int, seed: int) -> Result:
    """Return PSNR and SSIM of every generated frame beside its baselines, and the difference that actions make."""
    real = clips.pixels[:, context:]
    last = np.broadcast_to(clips.pixels[:, context - 1 : context], real.shape)
    rows: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {
        "copy": (psnr_db(real, last), ssim(real, last)),
        "ceiling": _both(real, decoded(images, clips.codes[:, context:])[:, None]),
    }
    for name in ("true", "random", "twin"):
        rows[name] = _both(real, decoded(images, getattr(made, name)))
    turns = [action for action, name in enumerate(clips.action_names) if name in TURNING]
    turned = np.all(np.isin(clips.actions[:, context - 1 : context + 1], turns), axis=1)
    return {
        "psnr_db": {name: one.mean(0).tolist() for name, (one, _) in rows.items()},
        "ssim": {name: one.mean(0).tolist() for name, (_, one) in rows.items()},
        "delta_psnr_db": _by_step(rows["true"][0] - rows["random"][0], seed),
        "above_copy_db": _by_step(rows["true"][0] - rows["copy"][0], seed),
        "turning": _turning_clips({name: one for name, (one, _) in rows.items()}, turned, seed),
    }


def _turning_clips(psnr: Mapping[str, npt.NDArray[np.float64]], turned: npt.NDArray[np.bool_], seed: int) -> Result:
    """Return PSNR of clips whose first two generated steps turn; null with fewer than two such clips."""
    if turned.sum() < 2:
        return {"clips": int(turned.sum()), "psnr_db": None, "above_copy_db": None}
    return {
        "clips": int(turned.sum()),
        "psnr_db": {name: one[turned].mean(0).tolist() for name, one in psnr.items()},
        "above_copy_db": _by_step((psnr["true"] - psnr["copy"])[turned], seed),
    }


def movement(images: LoadedImages, clips: Clips, made: Generated, context: int) -> Result:
    """Return the horizontal shift of the content under each held action, beside real steps with it.

    The share of real clips that move rightly is of those with at least `REAL_STEPS` steps with this action.
    """
    shifts, found = horizontal_shift(clips.pixels), {}
    real = {name: shifts[clips.actions == action] for action, name in enumerate(clips.action_names)}
    turns = [abs(float(np.median(real[name]))) for name in TURNING if name in real and len(real[name])]
    least = 0.5 * float(np.mean(turns)) if turns else 1.0
    for action, (name, codes) in enumerate(made.held.items()):
        if name not in SIGNS or not len(real[name]):
            continue
        pixels = decoded(images, np.concatenate([clips.codes[:, context - 1 : context], codes], 1))
        real_px = float(np.median(real[name]))
        taken = (row[steps == action] for row, steps in zip(shifts, clips.actions, strict=True))
        walks = [steps for steps in taken if len(steps) >= REAL_STEPS]
        found[name] = {
            "real_px": real_px,
            "real_right_sign": turning(walks, SIGNS[name], real_px, least).right_sign if walks else None,
            "real_clips": len(walks),
            **vars(turning(list(horizontal_shift(pixels)), SIGNS[name], real_px, least)),
        }
    return found


def actions_read(
    images: LoadedImages, clips: Clips, made: Generated, training: tuple[Frames, Frames, Codes], context: int, seed: int
) -> Result:
    """Return how well actions are read from real frames and from generated ones, by one classifier."""
    reader = ActionReader(len(clips.action_names), seed).fit(*training)
    taken = clips.actions[:, context - 1 :].ravel()
    pixels = {
        "real": clips.pixels[:, context - 1 :],
        "decoded": decoded(images, clips.codes[:, context - 1 :]),
        "true": decoded(images, np.concatenate([clips.codes[:, context - 1 : context], made.true[:, 0]], 1)),
        "twin": decoded(images, np.concatenate([clips.codes[:, context - 1 : context], made.twin[:, 0]], 1)),
    }
    accuracy = {}
    for name, frames in pixels.items():
        pairs = (part.reshape(-1, *part.shape[2:]) for part in (frames[:, :-1], frames[:, 1:]))
        accuracy[name] = balanced_accuracy(reader.read(*pairs), taken)
    chance = 1 / len(np.unique(taken))
    return {**accuracy, "chance": chance, "of_real": accuracy["true"] / accuracy["real"], "fitted_on": len(training[2])}


def samples_measured(prior: LoadedPrior, clips: Clips, made: Generated, context: int) -> Result:
    """Return diversity of samples, and the drift: cost of generated frames without a history, beside real ones."""
    among = diversity(made.true)
    real = teacher_forced(prior, clips.codes, clips.actions, context, alone=True).nats.mean(0)
    blank = np.zeros((len(clips), made.true.shape[2] - 1), np.int64)
    drawn = teacher_forced(prior, made.true[:, 0], blank, 0, alone=True).nats.mean(0)
    others = 1 - agreement(clips.codes[:, context:], np.roll(clips.codes[:, context:], 1, 0))
    return {
        "diversity": among.mean(0).tolist(),
        "other_clips": float(others.mean()),
        "real_nats_alone": real.tolist(),
        "generated_nats_alone": drawn.tolist(),
        "drift": (drawn / real).tolist(),
    }


def timed(prior: LoadedPrior, clips: Clips, context: int, steps: int) -> Result:
    """Measure seconds of a continuation of a few clips, and what the whole network for every code would take."""
    few, model = min(TIMED_CLIPS, len(clips)), prior.model
    given, actions = clips.codes[:few, :context], clips.actions[:few, : context - 1]
    following = clips.actions[:few, context - 1 :][:, :steps]
    begin = time.perf_counter()
    generate(prior, given, actions, following)
    cached = time.perf_counter() - begin
    codes, taken = torch.from_numpy(given), torch.from_numpy(clips.actions[:few, :context])
    history, before = history_of(codes, taken, context, model.history)  # type: ignore[arg-type]
    rows, columns = prior.space.grid or (1, 1)
    uniform = uniform_grid(0, range(few), len(prior.space.codebook_sizes), (rows, columns))
    positions = min(NAIVE_POSITIONS, rows * columns)
    begin = time.perf_counter()
    sample_naive(model, uniform, before, coarse=history, positions=positions)  # type: ignore[arg-type]
    naive = (time.perf_counter() - begin) * rows * columns / positions * steps
    return {
        "clips": few,
        "frames": steps,
        "seconds": cached,
        "seconds_per_frame": cached / steps,
        "naive_seconds": naive,
        "speedup": naive / cached,
        "threads": torch.get_num_threads(),
    }


def _by_step(values: npt.NDArray[np.float64], seed: int) -> list[Result]:
    """Return the mean over clips of each step of (clips, steps)."""
    return [mean_over_clips(values[:, step], seed) for step in range(values.shape[1])]


def _both(real: Frames, samples: Frames) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return PSNR and SSIM (clips, steps) of samples (clips, samples, steps, ...), means over samples."""
    pairs = [samples[:, number] for number in range(samples.shape[1])]
    return (
        np.mean([psnr_db(real, one) for one in pairs], 0),
        np.mean([ssim(real, one) for one in pairs], 0),
    )


def _derangement(count: int, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw an order in which no clip stays in its place: a cycle through all of them."""
    order = draw.permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.roll(order, 1)
    return found
