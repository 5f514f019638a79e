"""Encode parts on a Ray cluster: Ray Data passes them to a pool of actors that hold the model (``vqspeech[ray]``)."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.encoding.parts import Encoded, encode_part, part_path
from vqspeech.encoding.plan import Part
from vqspeech.errors import InputError


class PartEncoder:
    """What each actor runs: a model, loaded once, and parts that come as rows of a dataset.

    Parameters
    ----------
    codec : directory of the model, on a disk that all machines see
    device : where to encode
    folder, parts, rows : as in `encode_on_ray`
    """

    def __init__(self, checkpoint: str, device: str, folder: str, parts: int, rows: int) -> None:
        self.codec = load_speech(checkpoint, device=device)
        self.folder, self.parts, self.rows = Path(folder), parts, rows

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Encode the parts of a batch; gives what `encode_part` gives."""
        results = []
        for pickled in batch["part"]:
            part: Part = pickle.loads(pickled)
            result = encode_part(self.codec, part, part_path(self.folder, part, self.parts), self.rows)
            results.append(pickle.dumps((len(part), result)))
        return {"result": results}


def encode_on_ray(
    codec: SpeechCodec, chosen: Sequence[Part], folder: Path, parts: int, rows: int, workers: int | None
) -> Iterator[tuple[int, Encoded]]:
    """Encode parts on the cluster of ``RAY_ADDRESS``, or a local one; yields each part's inputs and result when done.

    Parameters
    ----------
    codec : the model; its directory has to be on a disk that all machines see, like inputs and folder
    chosen : parts to encode
    folder : where parts are written
    parts : how many there are in all
    rows : of a batch
    workers : actors; None for one per core, or per GPU where the model is on one

    Raises
    ------
    InputError : Ray is not installed
    """
    ray = _ray()
    if not chosen:
        return
    on_gpu = codec.device.type == "cuda"
    mine = not ray.is_initialized()
    if mine:
        ray.init(num_cpus=workers, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        _silence(ray)
        most = int(ray.cluster_resources().get("GPU" if on_gpu else "CPU", 1))
        size = max(1, min(workers or most, len(chosen)))
        tasks = [{"part": pickle.dumps(part)} for part in chosen]
        results = ray.data.from_items(tasks, override_num_blocks=len(chosen)).map_batches(
            PartEncoder,
            fn_constructor_args=(
                str(codec.path.absolute()),
                codec.device.type,
                str(folder.absolute()),
                parts,
                rows,
            ),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=size),
            num_gpus=1 if on_gpu else None,
        )
        for row in results.iter_rows():
            yield pickle.loads(row["result"])
    finally:
        if mine:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(
            f"--engine ray needs Ray, which is not installed ({error}). Install it: pip install 'vqspeech[ray]'; "
            "or encode without it, in several processes with torchrun or --shard"
        ) from error
    return ray


def _silence(ray: Any) -> None:
    import logging

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
