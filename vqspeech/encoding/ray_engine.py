"""Encode parts on a Ray cluster, in a pool of actors that hold the model (``vqspeech[ray]``)."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import SpeechCodec
from vqspeech.encoding.parts import Encoded, encode_part, part_path
from vqspeech.encoding.plan import TablePart
from vqspeech.errors import InputError


class PartEncoder:
    """A Ray actor that loads a model once and encodes parts, the rows of a dataset.

    Parameters
    ----------
    checkpoint : directory of the model, on a disk that all machines share
    device : device of the model
    folder, parts, rows : as in `encode_on_ray`
    """

    def __init__(self, checkpoint: str, device: str, folder: str, parts: int, rows: int) -> None:
        self.codec = load_speech(checkpoint, device=device)
        self.folder, self.parts, self.rows = Path(folder), parts, rows

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Encode the parts of a batch; return their pickled sizes and contents."""
        results = []
        for pickled in batch["part"]:
            part: TablePart = pickle.loads(pickled)
            result = encode_part(self.codec, part, part_path(self.folder, part, self.parts), self.rows)
            results.append(pickle.dumps((len(part), result)))
        return {"result": results}


def encode_on_ray(
    codec: SpeechCodec, chosen: Sequence[TablePart], folder: Path, parts: int, rows: int, workers: int | None
) -> Iterator[tuple[int, Encoded]]:
    """Encode parts on the cluster of ``RAY_ADDRESS``, or on a local one.

    Yields the number of inputs and the contents of each part when it is complete.

    Parameters
    ----------
    codec : the model; its directory, the inputs and `folder` are on a disk that all machines share
    chosen : parts to encode
    folder : folder of the parts' files
    parts : number of all parts
    rows : batch size
    workers : number of actors; None for one per core, or per GPU for a model on a GPU

    Raises
    ------
    InputError : when Ray is not installed
    """
    ray = _ray()
    if not chosen:
        return
    on_gpu = codec.device.type == "cuda"
    started_here = not ray.is_initialized()
    if started_here:
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
        if started_here:
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
