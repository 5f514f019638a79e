"""Several processes (gloo) and several passes count as one large batch: statistics, revival, empty shares."""

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing

from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.quantize.processes import Piece, draw_frames

DIM, ROWS, FRAMES, STEPS = 4, 11, 7, 6


def lengths(empty):
    """Valid frames of each row; with `empty`, none in the rows that process 1 of 2 and process 1 of 3 get."""
    found = torch.randint(1, FRAMES + 1, (ROWS,), generator=torch.Generator().manual_seed(3))
    found[0] = FRAMES
    if empty:
        found[1::2] = found[1::3] = 0
    return found


def train(rank, ranks, passes, empty):
    """States of a codebook of which most codes die at once, so that revival runs, on these rows of each batch."""
    torch.manual_seed(0)
    quantizer = EMAVectorQuantizer(DIM, codebook_size=16, decay=0.5, revive_below=0.4, revive_every=2)
    states = []
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        latents = torch.randn(ROWS, DIM, FRAMES, generator=generator)
        mask = torch.arange(FRAMES) < lengths(empty)[:, None]
        for number in range(passes):
            rows = slice(rank + ranks * number, None, ranks * passes)
            quantizer(latents[rows], mask[rows])
        quantizer.update(generator)
        states.append((quantizer.counts.clone(), quantizer.sums.clone()))
    return states


def draw(rank, ranks, passes):
    """Frames that carry their own row and place."""
    frames = torch.stack(torch.meshgrid(torch.arange(ROWS), torch.arange(FRAMES), indexing="ij"), -1).float()
    mask = torch.arange(FRAMES) < lengths(False)[:, None]
    parts = [slice(rank + ranks * number, None, ranks * passes) for number in range(passes)]
    pieces = [Piece(frames[part][mask[part]], mask[part].sum(1)) for part in parts]
    return draw_frames(pieces, 200, torch.Generator().manual_seed(1))


def facts(rank, ranks):
    nothing = Piece(torch.zeros(0, DIM), torch.zeros(rank, dtype=torch.int64))
    return {
        "drawn": [draw(rank, ranks, passes) for passes in (1, 2)],
        "trained": {(passes, empty): train(rank, ranks, passes, empty) for passes in (1, 2) for empty in (False, True)},
        "nothing": draw_frames([nothing], 3, torch.Generator()),
    }


def work(rank, ranks, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks)
    torch.save(facts(rank, ranks), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def processes(request, tmp_path_factory):
    """What each of several processes found."""
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.start_processes(work, (request.param, str(folder)), request.param, start_method="fork")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(request.param)]


@pytest.fixture(scope="module")
def alone():
    return facts(0, 1)


def test_the_same_frames_are_drawn_however_the_batch_is_dealt_out(processes, alone):
    for one in [*processes, alone]:
        assert all(torch.equal(drawn, alone["drawn"][0]) for drawn in one["drawn"])


def test_frames_are_drawn_from_the_valid_ones_evenly(alone):
    rows, places = alone["drawn"][0].long().T
    assert (places < lengths(False)[rows]).all()
    assert len(rows.unique()) == ROWS


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("passes", [1, 2])
def test_the_codebook_is_that_of_one_process(processes, alone, passes, empty):
    for one in processes:
        for ours, theirs in zip(one["trained"][passes, empty], alone["trained"][1, empty], strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_codebook_has_the_same_bits_in_every_process(processes):
    for one in processes[1:]:
        for case, states in one["trained"].items():
            for ours, theirs in zip(states, processes[0]["trained"][case], strict=True):
                assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_where_no_process_has_a_frame_nothing_is_drawn(processes, alone):
    assert all(one["nothing"] is None for one in [*processes, alone])
