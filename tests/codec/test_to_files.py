"""Of files that are there, only those that vqspeech made are replaced."""

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from vqspeech.codec.to_files import SOFTWARE, require_replaceable
from vqspeech.errors import InputError


def save(path, software):
    text, tags = PngInfo(), Image.Exif()
    if software:
        text.add_text("Software", software)
        tags[ExifTags.Base.Software] = software
    how = {"pnginfo": text} if path.suffix == ".png" else {"exif": tags}
    Image.new("RGB", (4, 4)).save(path, **how)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_pictures_that_name_vqspeech_are_replaced_and_others_kept(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    require_replaceable(path)
    save(path, SOFTWARE)
    require_replaceable(path)
    for software in ("", "another"):
        save(path, software)
        with pytest.raises(InputError, match="not written by vqspeech"):
            require_replaceable(path)
    path.write_bytes(b"RIFF1234WEBPVP8 ")
    with pytest.raises(InputError, match="not written by vqspeech"):
        require_replaceable(path)
