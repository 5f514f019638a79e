"""Pieces are taken by several threads, and each of them is computed by one."""

import threading

import pytest
import torch

from vqspeech.kernels.workers import each, workers


@pytest.fixture
def threads():
    """``threads(count)``: sets the number of PyTorch's threads, until the test has ended."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_results_are_in_the_order_of_the_pieces(threads):
    threads(2)
    assert each(lambda piece: piece**2, 5) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_many_threads_work_at_a_time(count, threads):
    threads(1)
    meeting = threading.Barrier(count)
    with workers(count):
        # A barrier breaks unless so many threads reach it.
        assert each(lambda piece: meeting.wait(timeout=10) >= 0, count * 2) == [True] * count * 2


@pytest.mark.parametrize("total, pieces, inside", [(1, 4, 1), (2, 4, 1), (4, 4, 1), (8, 4, 2), (9, 4, 2), (4, 1, 4)])
def test_pieces_share_the_threads_of_pytorch(total, pieces, inside, threads):
    threads(total)
    assert each(lambda _: torch.get_num_threads(), pieces) == [inside] * pieces
    assert torch.get_num_threads() == total


def test_an_error_comes_out_once_all_pieces_have_ended(threads):
    threads(2)
    ended = []

    def work(piece):
        if piece == 1:
            raise ValueError("piece 1")
        ended.append(piece)

    with pytest.raises(ValueError, match="piece 1"):
        each(work, 4)
    assert sorted(ended) == [0, 2, 3]
    assert torch.get_num_threads() == 2


def test_pieces_of_a_piece_are_computed_by_its_thread(threads):
    threads(4)
    inner = [[], []]

    def work(piece):
        inner[piece] = each(lambda _: threading.get_ident(), 3)
        return threading.get_ident()

    assert [{one} for one in each(work, 2)] == [set(several) for several in inner]
