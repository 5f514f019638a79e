"""Files of a report, each copied to its folder once under a unique name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from vqspeech.errors import InputError
from vqspeech.report.images import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Assets:
    """Copies files into the folder of a report and returns their addresses relative to the page.

    Parameters
    ----------
    folder : folder of the report
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[object, str] = {}

    def audio(self, source: Path) -> str:
        """Copy a sound file; returns its address."""
        return self._copy(source, "audio", source.stem)

    def image(self, source: Path | Figure, name: str, *, max_bytes: int = 120_000) -> str:
        """Copy an image, or save a figure under `name`; returns its address."""
        if isinstance(source, Path):
            return self._copy(source, "figures", source.stem)
        if source not in self._names:
            address = self._address("figures", name, ".png")
            save_figure(source, self._folder / address, max_bytes=max_bytes)
            self._names[source] = address
        return self._names[source]

    def pixels(self, address: str) -> tuple[int, int] | None:
        """Width and height of an image of the report; None for vector images."""
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self._folder / address) as image:
                return image.size
        except UnidentifiedImageError:
            return None

    def _copy(self, source: Path, kind: str, name: str) -> str:
        key = source.absolute()
        if key not in self._names:
            if not source.is_file():
                raise InputError(f"the report refers to {source}, which does not exist")
            address = self._address(kind, name, source.suffix.lower())
            (self._folder / address).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, self._folder / address)
            self._names[key] = address
        return self._names[key]

    def _address(self, kind: str, name: str, suffix: str) -> str:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or kind
        suffix = re.sub(r"[^a-z0-9.]", "", suffix)
        taken = set(self._names.values())
        candidates = (f"{kind}/{slug}{f'-{number}' if number else ''}{suffix}" for number in range(len(taken) + 1))
        return next(address for address in candidates if address not in taken)
