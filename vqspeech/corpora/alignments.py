"""Match alignment files with recordings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.ctm import read_ctm_utterances
from vqspeech.corpora.alignment_names import assign
from vqspeech.corpora.base import Utterance
from vqspeech.errors import InputError, PluginError
from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import AlignmentSpec


def formats_by_suffix() -> dict[str, str]:
    """Map file name endings (lower case, with the dot) to their formats, by preference."""
    formats: dict[str, str] = {}
    for entry in lookup.entries(AlignmentSpec):
        for suffix in entry.spec.suffixes:
            formats.setdefault(suffix, entry.qualified)
    return formats


def read_alignment(path: Path) -> Alignment:
    """Read an alignment file by its ending.

    Raises
    ------
    InputError : an ending without a reader, or a file that its reader refuses
    """
    known = formats_by_suffix()
    name = known.get(path.suffix.lower())
    if name is None:
        raise InputError(f"{path}: no reader for {path.suffix!r} alignments; known: {', '.join(known)}")
    alignment: Alignment = contracts.call(lookup.find(AlignmentSpec, name), path)
    return alignment


def read_first(paths: Iterable[Path]) -> tuple[Alignment | None, dict[Path, str]]:
    """Read the first usable of several alignments of one utterance.

    Parameters
    ----------
    paths : files, by preference

    Returns
    -------
    the alignment, None without a usable one, and the reason for each file before it that could not be used and for
    each one after it that could have been

    Raises
    ------
    PluginError, FailedPluginError : a plugin's reader that breaks its contract, or fails
    """
    alignment: Alignment | None = None
    used, unused = Path(), {}
    for path in paths:
        try:
            other = read_alignment(path)
        except PluginError:
            raise
        except InputError as error:
            if alignment is None:
                unused[path] = str(error).removeprefix(str(path)).lstrip(":, ")
            continue
        if alignment is None:
            alignment, used = other, path
        else:
            unused[path] = f"{used.name} beside it is used"
    return alignment, unused


def beside(audio_files: Iterable[Path]) -> dict[Path, tuple[Path, ...]]:
    """Map audio files to the alignments of the same folder and stem, by preference of endings.

    Case does not matter, except where names in a folder differ in nothing else.
    """
    preference = list(formats_by_suffix())
    listings: dict[Path, dict[str, list[Path]]] = {}
    matches: dict[Path, tuple[Path, ...]] = {}
    for audio_file in audio_files:
        folder = audio_file.parent
        if folder not in listings:
            listing = listings[folder] = defaultdict(list)
            for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in preference):
                listing[path.stem.lower()].append(path)
        own = listings[folder].get(audio_file.stem.lower(), [])
        own = [path for path in own if path.stem == audio_file.stem] or own
        if len({path.stem for path in own}) == 1:
            matches[audio_file] = tuple(sorted(own, key=lambda path: preference.index(path.suffix.lower())))
    return matches


@dataclass(frozen=True, kw_only=True)
class FoundAlignments:
    """Alignments of utterances of a corpus.

    Parameters
    ----------
    alignments : utterance id -> alignment
    skipped : file or utterance -> why it could not be used
    others : names of alignments that belong to no utterance of the corpus
    ambiguous : those of `others` that fit several utterances equally well -> the ids of these
    doubtful : names of alignments with a folder that the path of their utterance does not have -> its id
    """

    alignments: dict[str, Alignment]
    skipped: dict[str, str]
    others: tuple[str, ...] = ()
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)


def find(place: Path, utterances: Sequence[Utterance]) -> FoundAlignments:
    """Read alignments from a folder (as of the Montreal Forced Aligner) or from a CTM file.

    An alignment belongs to the utterance that shares the most of its path, from the file name upwards: the name of the
    file or the id, the folder or speaker (``p225/p225_001.TextGrid``), the folders above. What fits several utterances
    equally well belongs to none. Of several alignments of an utterance the one that shares the most is used, and none
    of several that share as much; of files that differ in their ending only, the first usable one by preference.

    Raises
    ------
    InputError : a missing place, no file of a registered format, or no match with any utterance
    """
    skipped: dict[str, str] = {}
    read: dict[str, Callable[[], Alignment | None]]
    if place.is_dir():
        read = _readers(place, skipped)
        base = place.absolute()
    elif place.suffix.lower() == ".ctm" and place.is_file():
        everyone = read_ctm_utterances(place, skipped)
        read = {name: partial(everyone.__getitem__, name) for name in everyone}
        base = Path()
    else:
        raise InputError(f"{place}: neither a folder of alignments nor a .ctm file")
    found = assign(list(read), base, utterances)
    skipped |= {
        key: f"has {len(names)} alignments, {', '.join(names[:3])}; keep one" for key, names in found.twice.items()
    }
    alignments: dict[str, Alignment] = {}
    for name, key in found.owners.items():
        alignment = read[name]()
        if alignment is not None:
            alignments[key] = alignment
    if not alignments:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:2])
        raise InputError(
            f"{place}: none of its {len(read)} alignments belongs to an utterance of this corpus "
            f"({len(found.ambiguous)} fit several, {len(skipped)} could not be used{why and f': {why}'}); "
            f"it has {', '.join([*found.others, *skipped][:3])}, "
            f"the corpus {', '.join(u.id for u in utterances[:3])}"
        )
    return FoundAlignments(
        alignments=alignments,
        skipped=skipped,
        others=found.others,
        ambiguous=found.ambiguous,
        doubtful={name: found.owners[name] for name in found.doubtful if found.owners[name] in alignments},
    )


def _readers(folder: Path, skipped: dict[str, str]) -> dict[str, Callable[[], Alignment | None]]:
    """Map names of alignments below a folder to their readers, which note in `skipped` what is not used.

    Raises
    ------
    InputError : no file of a registered format
    """
    preference = list(formats_by_suffix())
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in preference and not path.is_dir()):
        files[str(path.relative_to(folder).with_suffix(""))].append(path)
    if not files:
        raise InputError(f"{folder}: holds no alignments; looked for files ending in {', '.join(preference)}")

    def read(name: str, paths: list[Path]) -> Alignment | None:
        alignment, unused = read_first(sorted(paths, key=lambda path: preference.index(path.suffix.lower())))
        if alignment is None:
            skipped[name] = "; ".join(f"{path.name}: {reason}" for path, reason in unused.items())
        else:
            skipped.update({str(path.relative_to(folder)): reason for path, reason in unused.items()})
        return alignment

    return {name: partial(read, name, paths) for name, paths in files.items()}
