"""The prior sees all of the past and nothing of the future, and what it gives are probabilities."""

import itertools

import pytest
import torch

from vqspeech.errors import ConfigError
from vqspeech.nn.priors.attention import CausalAttention, places
from vqspeech.nn.priors.gated import GatedPixelCNN
from vqspeech.nn.priors.pixelcnn import Attention

SIDE = 7


def prior(sizes=(5,), seed=0, **values):
    torch.manual_seed(seed)
    return (
        GatedPixelCNN(sizes, **{"layers": 4, "width": 8, "first_kernel": 5, "head_width": 8, **values}).double().eval()
    )


def reach_of(model, row, column):
    """Which positions of the grid the features at one position depend on, by the gradient."""
    torch.manual_seed(1)
    embedded = torch.randn(1, model.width, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    model.embedded = lambda codes: embedded
    model.features(torch.zeros(1, 1, SIDE, SIDE, dtype=torch.int64))[0, row, column].sum().backward()
    return embedded.grad.abs().sum((0, 1)) > 0


@pytest.mark.parametrize("row, column", [(0, 0), (0, 6), (3, 0), (3, 3), (3, 6), (6, 2), (6, 6)])
@pytest.mark.parametrize("kernels", [(5, 3), (7, 3), (3, 3), (3, 5)])
def test_it_sees_all_of_the_past_and_nothing_else(row, column, kernels):
    """No blind spot: every earlier position matters, the far right of the row above too."""
    first, kernel = kernels
    seen = reach_of(prior(first_kernel=first, kernel=kernel, layers=8), row, column)
    place = torch.arange(SIDE * SIDE).view(SIDE, SIDE)
    assert torch.equal(seen, place < row * SIDE + column)


def test_one_layer_sees_just_its_filter():
    seen = reach_of(prior(layers=1, first_kernel=3), 3, 3)
    wanted = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    wanted[2, 2:5] = wanted[3, 2] = True
    assert torch.equal(seen, wanted)


ATTENTION = {"attention_blocks": 2, "attention_heads": 2, "attention_width": 4}


@pytest.mark.parametrize("row, column", [(0, 0), (0, 1), (0, 6), (3, 3), (6, 0), (6, 6)])
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_attention_sees_all_of_the_past_at_once(row, column, blocks):
    """Three layers of small filters do not reach the corners; with attention every earlier position matters."""
    small = {"layers": 3, "first_kernel": 3}
    place, seen = torch.arange(SIDE * SIDE).view(SIDE, SIDE), reach_of(prior(**small), 6, 6)
    assert not seen[0].any() and not seen[:, 0].any()
    seen = reach_of(prior(**small, **{**ATTENTION, "attention_blocks": blocks}), row, column)
    assert torch.equal(seen, place < row * SIDE + column)


def test_blocks_of_attention_are_spread_evenly_and_no_more_than_layers():
    assert list(prior(layers=6, attention_blocks=2).attention) == ["2", "5"]
    assert list(prior(layers=3, attention_blocks=3).attention) == ["0", "1", "2"]
    with pytest.raises(ConfigError, match=r"attention.heads = 0"):
        Attention(blocks=1, heads=0)


def test_attention_knows_where_positions_are():
    """The same codes in another order of rows give another answer."""
    block = CausalAttention(4, 2, 3).double()
    torch.manual_seed(0)
    codes, stack = torch.randn(2, 1, 4, 3, 3, dtype=torch.float64)
    order = [1, 0, 2]
    assert not torch.allclose(block(codes, stack)[:, :, 2], block(codes[:, :, order], stack[:, :, order])[:, :, 2])


def test_attention_is_its_formula():
    """Against a loop over positions and heads."""
    torch.manual_seed(0)
    block, (rows, columns) = CausalAttention(4, 2, 3).double(), (2, 3)
    codes, stack = torch.randn(2, 1, 4, rows, columns, dtype=torch.float64)
    place = places(rows, columns).double()
    seen = torch.cat([stack[0].flatten(1).T, place], 1)
    known = block.key_value(torch.cat([codes[0].flatten(1).T, seen], 1))
    asked, wanted = block.query(seen), []
    for here in range(rows * columns):
        answers = []
        for head in range(2):
            channels = slice(3 * head, 3 * head + 3)
            # The weight of "nothing before".
            weights = [torch.zeros((), dtype=torch.float64)]
            weights += [asked[here, channels] @ known[before, :6][channels] / 3**0.5 for before in range(here)]
            shares = torch.stack(weights).softmax(0)[1:]
            answers.append(sum((w * known[b, 6:][channels] for b, w in enumerate(shares)), torch.zeros(3).double()))
        left = seen[here, :4]
        first, second = block.output(torch.cat([left, *answers])).chunk(2)
        wanted.append(left + block.residual(first.tanh() * second.sigmoid()))
    assert torch.allclose(block(codes, stack)[0].flatten(1).T, torch.stack(wanted))


@pytest.mark.parametrize("more", [{}, ATTENTION])
def test_every_coarser_code_is_seen_where_it_lies(more):
    """A change of the coarse grid changes logits of its own cell and, through the codes' stacks, of those after it."""
    model = prior((5,), coarse_sizes=(4, 3), coarse_blocks=0, first_kernel=3, layers=1, width=32, head_width=32, **more)
    torch.manual_seed(3)
    codes, top = torch.randint(5, (1, 1, 6, 6)), torch.stack([torch.randint(size, (1, 3, 3)) for size in (4, 3)], 1)
    before = model(codes, coarse=top)[0]
    for book, size in enumerate((4, 3)):
        changed = top.clone()
        changed[0, book, 1, 1] = (changed[0, book, 1, 1] + 1) % size
        moved = (model(codes, coarse=changed)[0] != before).any(-1)[0]
        assert moved[2:4, 2:4].all() and not moved[:2].any() and not moved[2, :2].any()
        assert bool(more) == bool(moved[4:].any())


@pytest.mark.parametrize("more", [{}, ATTENTION])
@pytest.mark.parametrize("sizes", [(5,), (5, 3, 4)])
def test_a_later_code_changes_no_earlier_logit(sizes, more):
    model = prior(sizes, **more)
    torch.manual_seed(2)
    codes = torch.stack([torch.randint(size, (1, SIDE, SIDE)) for size in sizes], 1)
    before = model(codes)
    for place in (0, 10, 24, 48):
        row, column = divmod(place, SIDE)
        for book, size in enumerate(sizes):
            changed = codes.clone()
            changed[0, book, row, column] = (changed[0, book, row, column] + 1) % size
            for other, (one, two) in enumerate(zip(before, model(changed), strict=True)):
                same = torch.isclose(one, two, rtol=0, atol=0).all(-1).flatten()
                until = place + (other <= book)
                assert same[:until].all(), f"codebook {book} at {place} changes codebook {other} before it"
                if other > book:
                    assert not same[place], f"codebook {other} does not see codebook {book} at its own position"
                elif place + 1 < SIDE * SIDE and column + 1 < SIDE:
                    assert not same[place + 1], f"the next position does not see codebook {book}"


@pytest.mark.parametrize("more", [{}, ATTENTION])
@pytest.mark.parametrize("sizes, grid", [((2,), (2, 3)), ((2, 3), (1, 3)), ((2, 2), (2, 2))])
def test_probabilities_of_all_grids_sum_to_one(sizes, grid, more):
    model = prior(sizes, **more)
    rows, columns = grid
    each = [range(size) for size in sizes] * (rows * columns)
    codes = torch.tensor(list(itertools.product(*each))).view(-1, rows, columns, len(sizes)).permute(0, 3, 1, 2)
    total = (-model.nll(codes).flatten(1).sum(1).double()).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_classes_matter_and_nothing_else_differs():
    model = prior(classes=3)
    codes = torch.zeros(2, 1, SIDE, SIDE, dtype=torch.int64)
    one, two = model(codes, torch.tensor([0, 2]))[0]
    assert not torch.allclose(one, two)
    same, again = model(codes, torch.tensor([1, 1]))[0]
    assert torch.equal(same, again)
