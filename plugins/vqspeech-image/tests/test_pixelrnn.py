"""PixelRNN: every code depends on all those before it and on none after, and cached sampling is naive sampling."""

import itertools
import math

import numpy as np
import pytest
import torch
from test_contract import prior_of
from torch.nn import functional as F
from vqspeech_image.models import decode, load_images
from vqspeech_image.nn.diagonal import DiagonalBiLSTM, scan
from vqspeech_image.nn.pixelrnn import PixelRNN
from vqspeech_image.nn.pixelrnn_sampling import sample_pixelrnn
from vqspeech_image.pixelrnn import pixelrnn

from vqspeech.errors import ConfigError, InputError
from vqspeech.generation import generate, require_priors
from vqspeech.nn.priors.draws import uniform_grid
from vqspeech.nn.priors.naive import sample_naive
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.testing import prior_checks
from vqspeech.training import run as runs
from vqspeech.training.codes import load_prior

SMALL = {"layers": 2, "width": 8, "first_kernel": 3, "head_width": 8}
ABOVE = CodeSpace(codebook_sizes=(4,), grid=(2, 2), conditions=3)


@prior_checks("pixelrnn", space=CodeSpace(codebook_sizes=(7, 5), grid=(3, 4), conditions=3), options=SMALL)
def test_contract(check):
    check()


@prior_checks("pixelrnn", space=CodeSpace(codebook_sizes=(6,), grid=(4, 3)), options=SMALL)
def test_contract_without_classes(check):
    check()


@prior_checks("pixelrnn", space=CodeSpace(codebook_sizes=(5,), grid=(4, 4), conditions=3, above=ABOVE), options=SMALL)
def test_contract_given_a_level_above(check):
    check()


def network(sizes, seed=0, **values):
    torch.manual_seed(seed)
    model = PixelRNN(sizes, **{**SMALL, **values}).eval()
    for layer in model.logits:
        # Far from uniform, so that a wrong feature changes draws.
        torch.nn.init.normal_(layer.weight, 0, 2.0)
    return model


def grids(sizes, *shape):
    return torch.stack([torch.randint(size, shape) for size in sizes], 1)


@pytest.mark.parametrize("seed", range(24))
def test_cached_is_naive_draw_for_draw(seed):
    """Over grids, one column or row among them, codebooks, kernels, depths, classes, coarser codes."""
    choose = np.random.default_rng(seed)
    rows, columns = (1, 6) if seed == 0 else (6, 1) if seed == 1 else choose.integers(1, 7, 2).tolist()
    batch, layers, classes = int(choose.integers(1, 4)), int(choose.integers(1, 5)), int(choose.choice([0, 4]))
    sizes = ((7,), (5, 3), (2, 4, 3))[choose.integers(3)]
    coarse = ((), (6,), (3, 2))[choose.integers(3)]
    values = {"layers": layers, "first_kernel": int(choose.choice([3, 5, 7])), "classes": classes}
    model = network(sizes, seed, coarse_sizes=coarse, coarse_blocks=1, **values)
    uniform = uniform_grid(seed, range(batch), len(sizes), (rows, columns))
    labels = torch.arange(batch) % classes if classes else None
    top = grids(coarse, batch, -(-rows // 2), -(-columns // 2)) if coarse else None
    temperature = float(choose.choice([0.0, 0.7, 1.0]))
    wanted = sample_naive(model, uniform, labels, coarse=top, temperature=temperature)
    assert torch.equal(sample_pixelrnn(model, uniform, labels, coarse=top, temperature=temperature), wanted)


def test_cost_of_a_code_does_not_grow_with_the_grid():
    from torch.utils.flop_counter import FlopCounterMode

    model, costs = network((5,)), []
    for rows in (4, 12):
        with FlopCounterMode(display=False) as counter:
            sample_pixelrnn(model, uniform_grid(0, range(2), 1, (rows, 6)))
        costs.append(counter.get_total_flops() / (rows * 6))
    assert costs[0] == costs[1] > 0


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_temperatures_that_cannot_be(temperature):
    with pytest.raises(InputError, match="temperature"):
        sample_pixelrnn(network((3,)), uniform_grid(0, range(1), 1, (2, 2)), temperature=temperature)


@pytest.mark.parametrize("layers, kernel", [(1, 3), (2, 5)])
def test_a_code_depends_on_all_before_it_and_on_none_after(layers, kernel):
    """Also on the last code of the row above, which a first convolution of 3 x 3 does not reach."""
    model, (rows, columns) = network((5,), layers=layers, first_kernel=kernel).double(), (4, 5)
    codes = grids((5,), 1, rows, columns)
    before = model(codes)[0]
    for place in range(rows * columns):
        other = codes.clone().flatten()
        other[place] = (other[place] + 1) % 5
        moved = (model(other.view(codes.shape))[0] != before).any(-1).flatten()
        assert moved.tolist() == [number > place for number in range(rows * columns)], f"place {place}"


@pytest.mark.parametrize("rows, columns", [(1, 1), (1, 5), (5, 1), (3, 3), (3, 5), (5, 3)])
def test_diagonals_are_the_lstm_of_the_paper(rows, columns):
    """Position by position, equation 3: two neighbours give the gates, the one in the row gives the cell."""
    torch.manual_seed(0)
    layer, width = DiagonalBiLSTM(3).double(), 3
    gates = torch.randn(2, 2, rows, columns, 4 * width, dtype=torch.float64)
    given = scan(gates, layer.state)
    assert given.shape == (2, 2, rows, columns, width)
    zero = torch.zeros(2, width, dtype=torch.float64)
    for direction in range(2):
        states, cells = {}, {}
        weight = layer.state[direction]
        for row, column in itertools.product(range(rows), range(columns)):
            before, above = states.get((row, column - 1), zero), states.get((row - 1, column), zero)
            both = gates[direction, :, row, column] + before @ weight[:width] + above @ weight[width:]
            into, kept, out, candidate = both.chunk(4, 1)
            cell = kept.sigmoid() * cells.get((row, column - 1), zero) + into.sigmoid() * candidate.tanh()
            states[row, column], cells[row, column] = out.sigmoid() * cell.tanh(), cell
            assert torch.allclose(given[direction, :, row, column], states[row, column], atol=1e-12)


def test_the_states_from_the_right_are_moved_down_by_a_row():
    torch.manual_seed(0)
    layer, x = DiagonalBiLSTM(3).double(), torch.randn(1, 3, 4, 6, dtype=torch.float64)
    gates = layer.gates(x, None, None)
    left, right = gates.chunk(2, 3)
    mirrored = scan(torch.stack([left, right.flip(2)]), layer.state)
    below = F.pad(mirrored[1].flip(2), (0, 0, 0, 0, 1, 0))[:, :3]
    assert torch.allclose(layer(x, gates), x + layer.residual(mirrored[0] + below))
    assert not below[:, 0].any()


def test_cells_start_with_gates_that_keep_them():
    bias = DiagonalBiLSTM(5).input.bias.view(2, 4, 5)
    assert (bias[:, 1] == 1).all() and (bias[:, [0, 2, 3]].abs() <= 1 / math.sqrt(10)).all()


@pytest.mark.parametrize("space, says", [({"grid": None}, "sequences"), ({"grid": (5,)}, "pixelcnn")])
def test_codes_that_it_cannot_be_about(space, says):
    with pytest.raises(ConfigError, match=says):
        pixelrnn(CodeSpace(codebook_sizes=(5,), **space))


@pytest.mark.parametrize(
    "name, value",
    [("layers", 0), ("width", 0), ("head_width", 0), ("top_blocks", -1), ("first_kernel", 4), ("first_kernel", 1)],
)
def test_sizes_that_cannot_be(name, value):
    with pytest.raises(ConfigError, match=f"model.{name} = {value}"):
        pixelrnn(CodeSpace(codebook_sizes=(5,), grid=(3, 3)), **{name: value})


def test_priors_of_two_levels_are_trained_saved_loaded_and_drawn_from(tmp_path):
    values, run = prior_of("bottom")(tmp_path)
    train = {**values["train"], "steps": 2, "accelerator": "cpu"}
    for level in ("top", "bottom"):
        model = {"name": "pixelrnn", "level": level, "conditioned": True, "top_blocks": 1, **SMALL}
        config = runs.checked({"modality": "codes", "model": model, "train": train})
        runs.open_run(tmp_path / level, config)
        runs.train(config, tmp_path / level, runs.prepare(config, tmp_path / level, run))
    loaded = [load_prior(tmp_path / level) for level in ("top", "bottom")]
    assert [one.space.grid for one in loaded] == [(7, 7), (14, 14)]
    assert loaded[1].facts["plugins"]["prior"] == {**loaded[1].facts["plugins"]["prior"], "name": "pixelrnn"}
    images = load_images(run)
    table = generate(images, require_priors(images, loaded), 3, seed=0)
    assert next(iter(decode(images, table))).shape == (3, 28, 28, 1)
