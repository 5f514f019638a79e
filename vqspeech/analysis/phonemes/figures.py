"""Figures of codes and phones: codebook map, P(phone | code), confusions, recall, durations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.alignment.inventories import MANNERS, manner
from vqspeech.analysis.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    colour_bar,
    empty,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MANNER_COLOURS = dict(zip(MANNERS, (BLUE, GREEN, PURPLE, ORANGE, "#e6ab02", GREY, "#444c56"), strict=True))
"""Colour of each manner of articulation."""

PROJECTED_CODES = 600
"""At most this many codes are projected, the most frequent ones."""

_LABEL_ROOM = np.array([0.028, 0.026])
"""Share of the axes, across and up, that the name of a phone takes."""


def codebook_projection(vectors: np.ndarray, counts: np.ndarray, phones: Sequence[str], *, seed: int = 0) -> Figure:
    """Draw code vectors by principal components and t-SNE, coloured and named by phone.

    Parameters
    ----------
    vectors : (codes, dim) what the decoder is given for each code
    counts : (codes, phones) joint counts; codes that never occur are omitted
    phones : names of the columns of `counts`
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    total = counts.sum(axis=1)
    kept = np.argsort(-total, kind="stable")[: min(PROJECTED_CODES, int((total > 0).sum()))]
    figure = new_figure(4.6)
    if len(kept) < 5:
        return empty(figure, f"{len(kept)} codes occur, too few to project")
    points = vectors[kept] - vectors[kept].mean(axis=0)
    principal = PCA(2, random_state=seed).fit(points)
    explained = 100 * principal.explained_variance_ratio_.sum()
    neighbours = TSNE(
        2, perplexity=min(15.0, (len(kept) - 1) / 3), init="pca", random_state=seed, learning_rate="auto"
    ).fit_transform(points)
    best = counts[kept].argmax(axis=1)
    sure = counts[kept].max(axis=1) / total[kept]
    panels = figure.subplots(1, 2)
    views = (
        (f"Principal components ({explained:.0f} % of variance)", principal.transform(points)),
        ("t-SNE", neighbours),
    )
    for axes, (title, places) in zip(panels, views, strict=True):
        plain(axes, title=title, grid=False).set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        _draw_codes(axes, np.asarray(places), [phones[index] for index in best], total[kept], sure)
    present = [name for name in MANNERS if name in {manner(phones[index]) for index in best}]
    handles = [panels[0].plot([], [], "o", color=MANNER_COLOURS[name], markersize=6, label=name)[0] for name in present]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(present),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handletextpad=0.1,
    )
    return figure


def _draw_codes(axes: Axes, places: np.ndarray, names: Sequence[str], total: np.ndarray, sure: np.ndarray) -> None:
    """Draw a dot per code: area by frames, opacity by certainty, named where space permits."""
    from matplotlib.colors import to_rgba

    size = 40 + 260 * total / total.max()
    colours = [
        to_rgba(MANNER_COLOURS[manner(name)], 0.25 + 0.5 * share) for name, share in zip(names, sure, strict=True)
    ]
    axes.scatter(places[:, 0], places[:, 1], s=size, c=colours, linewidths=0)
    axes.margins(0.06)
    apart = np.ptp(places, axis=0) * _LABEL_ROOM
    written: list[np.ndarray] = []
    # The most frequent first.
    for place, name in zip(places, names, strict=True):
        if all((abs(place - other) > apart).any() for other in written):
            axes.annotate(name, (place[0], place[1]), ha="center", va="center", fontsize=6.5, color=INK)
            written.append(place)


def confusion_matrix(confusion: np.ndarray, phones: Sequence[str]) -> Figure:
    """Draw the share of each phone's frames by the phone that the map names; rows are true phones.

    Parameters
    ----------
    confusion : (phones, phones) frames by true phone and named phone
    """
    totals = confusion.sum(axis=1)
    order = [index for index in phone_order(phones, totals) if totals[index]]
    share = confusion[np.ix_(order, order)] / totals[order, None]
    names = [phones[index] for index in order]
    figure = new_figure(max(3.0, 0.145 * len(names) + 1.1), width_in=max(4.0, 0.17 * len(names) + 1.6))
    axes = plain(figure.subplots(), title="Named phone, of frames of each phone", x="named", y="true", grid=False)
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    size = 7 if len(names) > 24 else 8.5
    axes.set_xticks(range(len(names)), names, fontsize=size, rotation=90)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    ranks = [MANNERS.index(manner(name)) for name in names]
    for edge in np.flatnonzero(np.diff(ranks)):
        axes.axhline(edge + 0.5, color=MUTED, linewidth=0.5)
        axes.axvline(edge + 0.5, color=MUTED, linewidth=0.5)
    colour_bar(figure, image, axes, "share of the phone's frames")
    return figure


def recall_bars(per_phone: Mapping[str, float], frames: Mapping[str, int]) -> Figure:
    """Draw the recall of each phone, by manner of articulation, with its number of frames.

    Parameters
    ----------
    per_phone : phone -> share of its frames that the map names
    frames : phone -> frames
    """
    names = list(per_phone)
    order = phone_order(names, np.asarray([frames[name] for name in names]))
    names = [names[index] for index in order]
    figure = new_figure(2.9)
    axes = plain(figure.subplots(), title="Recall of each phone", y="frames named, %")
    position = np.arange(len(names))
    axes.bar(position, [100 * per_phone[n] for n in names], color=[MANNER_COLOURS[manner(n)] for n in names], width=0.8)
    axes.set_xticks(position, names, fontsize=8, rotation=90 if max(map(len, names), default=1) > 2 else 0)
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.set_xlim(-0.7, len(names) - 0.3)
    top = max([100 * per_phone[n] for n in names] + [1.0])
    axes.set_ylim(0, 1.22 * top)
    for at, name in zip(position, names, strict=True):
        axes.annotate(
            str(frames[name]),
            (at, 100 * per_phone[name]),
            (0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=6,
            color=MUTED,
            rotation=90,
        )
    axes.text(0.998, 0.95, "above each bar: frames", transform=axes.transAxes, ha="right", fontsize=8, color=MUTED)
    return figure


def durations(runs_s: np.ndarray, phones_s: np.ndarray, hop_s: float) -> Figure:
    """Draw the durations of runs of one code and of phones.

    Parameters
    ----------
    runs_s : durations of runs of one code, in seconds (multiples of the hop)
    phones_s : durations of phones, in seconds
    hop_s : seconds per code
    """
    figure = new_figure(2.7)
    axes = plain(figure.subplots(), title="Durations", x="ms", y="share, %")
    longest = max(0.3, float(np.percentile(np.r_[runs_s, phones_s], 99)))
    edges = (np.arange(int(np.ceil(longest / hop_s)) + 1) + 0.5) * 1000 * hop_s
    edges = np.r_[0.0, edges]
    for values, colour, label, width, shift in (
        (runs_s, BLUE, "runs of one code", 0.42, -0.21),
        (phones_s, SKY, "phones", 0.42, 0.21),
    ):
        share, _ = np.histogram(np.minimum(1000 * values, edges[-1] - 1e-6), edges)
        centres = np.arange(len(share)) * 1000 * hop_s
        axes.bar(
            centres + shift * 1000 * hop_s,
            100 * share / max(1, len(values)),
            width * 1000 * hop_s,
            color=colour,
            label=f"{label}: median {1000 * np.median(values):.0f} ms, mean {1000 * values.mean():.0f} ms",
        )
    axes.set_xlim(-600 * hop_s, edges[-1] + 100 * hop_s)
    ticks = np.arange(len(edges) - 1) * 1000 * hop_s
    step = max(1, len(ticks) // 12)
    axes.set_xticks(ticks[::step], [f"{tick:.0f}" for tick in ticks[::step]])
    axes.set_xlabel(
        f"nearest multiple of {1000 * hop_s:g} ms; the last bar holds all longer ones", fontsize=9, color=MUTED
    )
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def run_lengths(sequences: Iterable[np.ndarray], hop_s: float) -> np.ndarray:
    """Return the durations in seconds of runs of equal codes in sequences of frames."""
    lengths: list[int] = []
    for codes in sequences:
        codes = np.atleast_2d(codes)
        if codes.shape[1]:
            edges = np.flatnonzero((codes[:, 1:] != codes[:, :-1]).any(axis=0)) + 1
            lengths += [stop - start for start, stop in pairwise([0, *edges.tolist(), codes.shape[1]])]
    return np.asarray(lengths, dtype=np.float64) * hop_s


def phone_lengths(alignments: Iterable[Alignment]) -> np.ndarray:
    """Return the durations in seconds of phones; silence does not count."""
    return np.asarray(
        [p.end_s - p.start_s for item in alignments for p in item.phones if p.label != SILENCE], dtype=np.float64
    )


def code_phone_matrix(counts: np.ndarray, phones: Sequence[str]) -> Figure:
    """Draw P(phone | code), a column per code and a row per phone, by manner of articulation.

    Parameters
    ----------
    counts : (codes, phones) joint counts
    phones : names of the columns of `counts`
    """
    counts = np.asarray(counts, dtype=np.float64)
    used = counts.sum(axis=1) > 0
    if not used.any():
        return empty(new_figure(2.0), "no frames with a phone")
    order = phone_order(phones, counts.sum(axis=0))
    share = (counts[used] / counts[used].sum(axis=1, keepdims=True))[:, order]
    best = share.argmax(axis=1)
    share = share[np.lexsort((-share.max(axis=1), best))]
    figure = new_figure(max(2.6, 0.13 * len(phones) + 1.0))
    axes = plain(
        figure.subplots(), title="P(phone | code)", x=f"{used.sum()} codes, ordered by their phone", grid=False
    )
    image = axes.imshow(share.T, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0.0, vmax=1.0)
    names = [phones[index] for index in order]
    axes.set_yticks(range(len(names)), names, fontsize=7 if len(names) > 24 else 8.5)
    axes.set_xticks([])
    ranks = [MANNERS.index(manner(name)) for name in names]
    for row in np.flatnonzero(np.diff(ranks)):
        axes.axhline(row + 0.5, color=MUTED, linewidth=0.5)
    colour_bar(figure, image, axes, "probability")
    return figure


def phone_order(phones: Sequence[str], totals: np.ndarray) -> list[int]:
    """Order phones by manner of articulation, within one the frequent first."""
    return sorted(range(len(phones)), key=lambda index: (MANNERS.index(manner(phones[index])), -totals[index]))
