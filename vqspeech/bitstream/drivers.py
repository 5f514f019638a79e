"""What drives the coder: probabilities of each symbol from those before it, for recordings side by side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Context, Decimal
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from vqspeech.bitstream.container import HASH_BYTES, Named
from vqspeech.bitstream.counts import AdaptiveCodes
from vqspeech.bitstream.range_coder import Weights
from vqspeech.errors import InputError, unknown_name
from vqspeech.nn.priors.predictor import Predictor
from vqspeech.nn.quantize.fingerprint import add_tensors
from vqspeech.training.codes import LoadedPrior

if TYPE_CHECKING:
    import torch

PRIOR_ROWS = 16
"""Recordings that a prior predicts side by side; their numbers do not depend on each other."""

STEPS_PER_NAT = 64
"""Logits are rounded to steps of this size, which costs 1e-5 nats a symbol."""

_LARGEST = 2**40


class Driver(Protocol):
    """Gives the probabilities of the symbols of frames.

    Attributes
    ----------
    rows : recordings side by side, at most
    """

    rows: int

    def start(self, conditions: Sequence[str]) -> None:
        """Begin recordings, each under its condition."""
        ...

    def weights(self) -> Sequence[Weights]:
        """Return weights (symbols,) of the next symbol of each recording."""
        ...

    def push(self, symbols: npt.NDArray[np.int64]) -> None:
        """Take the next symbol of each recording, (recordings,)."""
        ...


class CountsDriver:
    """Adaptive counts of codes, one recording after the other."""

    rows = 1

    def __init__(self, codebook_sizes: tuple[int, ...]) -> None:
        self._codes = AdaptiveCodes(codebook_sizes)

    def start(self, conditions: Sequence[str]) -> None:
        """Begin a recording; counts go on."""
        self._codes.start()

    def weights(self) -> Sequence[Weights]:
        """Return weights of the next code."""
        return [self._codes.weights()]

    def push(self, symbols: npt.NDArray[np.int64]) -> None:
        """Take the next code."""
        self._codes.push(int(symbols[0]))


class PriorDriver:
    """Predictions of a prior, for several recordings side by side.

    Logits are rounded, and weights are whole numbers that a table gives for their distance from the largest, so that
    they are the same wherever the logits are. Those have the same bits on one machine, see
    `vqspeech.nn.priors.predictor.Predictor`.

    Parameters
    ----------
    prior : prior over codes of speech

    Raises
    ------
    InputError : for a prior that does not predict codes one after the other
    """

    rows = PRIOR_ROWS

    def __init__(self, prior: LoadedPrior) -> None:
        self._prior = prior
        self._table = whole_exponentials()
        self._predictor: Predictor

    def start(self, conditions: Sequence[str]) -> None:
        """Begin recordings, each under its condition.

        Raises
        ------
        UnknownNameError : for a condition that the prior does not know
        """
        self._predictor = _predictor(self._prior, conditions)

    def weights(self) -> Sequence[Weights]:
        """Return weights of the next code of each recording."""
        logits = self._predictor.logits().numpy().astype(np.float64)
        if not np.isfinite(logits).all():
            raise InputError(f"the prior {self._prior.path} predicts numbers that are not finite; train it again")
        steps = np.rint((logits.max(1, keepdims=True) - logits) * STEPS_PER_NAT)
        return list(self._table[np.minimum(steps, len(self._table) - 1).astype(np.int64)])

    def push(self, symbols: npt.NDArray[np.int64]) -> None:
        """Take the next code of each recording."""
        import torch

        self._predictor.push(torch.from_numpy(symbols))


def require_fitting(
    prior: LoadedPrior, codebook: str, codebook_sizes: tuple[int, ...], *, pitch: bool, conditions: Sequence[str]
) -> None:
    """Check that a prior can drive the coder of a model's codes.

    Parameters
    ----------
    prior : the prior
    codebook, codebook_sizes : hash and sizes of the model's codebooks
    pitch : whether F0 is coded as well
    conditions : speakers of the recordings, for a prior that is conditioned on them

    Raises
    ------
    InputError : for a prior over other codes, one that does not predict codes one after the other, or one that
        predicts F0 where there is none
    UnknownNameError : for a speaker that the prior does not know
    """
    if prior.source["codebook"] != codebook:
        sizes = [" x ".join(map(str, one)) for one in (prior.code_sizes, codebook_sizes)]
        raise InputError(
            f"the prior {prior.path} is of the codes of {prior.source['run']}, of codebooks {sizes[0]}, and these are "
            f"others, of codebooks {sizes[1]}; train one on these, or encode the codebooks that it knows (--codebooks)"
        )
    if prior.pitch and not pitch:
        raise InputError(f"the prior {prior.path} predicts F0 beside the codes; encode with --pitch")
    _predictor(prior, conditions[:1])
    _places(prior, conditions)


def named(prior: LoadedPrior) -> Named:
    """Return name and hash of a prior: of its settings, its codes and its weights."""
    digest = hashlib.sha256(json.dumps([prior.space.plain(), prior.pitch, prior.config], sort_keys=True).encode())
    add_tensors(digest, prior.model.state_dict())
    path = prior.path.absolute()
    name = path.parent.parent.name if path.parent.name == "checkpoints" else path.name
    return Named(name=name, digest=digest.digest()[:HASH_BYTES])


@cache
def whole_exponentials() -> Weights:
    """Return 2^40 exp(-n / STEPS_PER_NAT) for n = 0, 1, ... as whole numbers, down to 1; the same on every machine."""
    context, numbers = Context(prec=40), [_LARGEST]
    while numbers[-1] > 1:
        power = context.exp(context.divide(Decimal(-len(numbers)), Decimal(STEPS_PER_NAT)))
        numbers.append(max(1, int(context.multiply(power, Decimal(_LARGEST)).to_integral_value())))
    return np.array(numbers, np.float64)


def _places(prior: LoadedPrior, conditions: Sequence[str]) -> torch.Tensor | None:
    """Return the places of conditions among those of a prior; None for a prior without."""
    import torch

    if not prior.space.conditions:
        return None
    for one in conditions:
        if one not in prior.conditions:
            hint = f"The prior {prior.path} is conditioned on it; give --speaker to encode."
            raise unknown_name("speaker", one, prior.conditions, hint)
    return torch.tensor([prior.conditions.index(one) for one in conditions])


def _predictor(prior: LoadedPrior, conditions: Sequence[str]) -> Predictor:
    predictor = None
    if prior.space.grid is None:
        predictor = prior.model.predictor(len(conditions), _places(prior, conditions))
    if predictor is None:
        raise InputError(
            f"the prior {prior.path} ({prior.config['name']!r}) does not predict codes one after the other; bitstreams "
            "need one that does, such as 'wavenet'"
        )
    return predictor
