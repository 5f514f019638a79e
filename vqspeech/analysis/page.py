"""A report as HTML: the template ``report.html`` filled with escaped fragments. Use `vqspeech.analysis.report.write_report`."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from string import Template

from vqspeech.analysis.report import (
    MARK,
    Assets,
    Cell,
    Clip,
    Headline,
    Picture,
    PlayerRow,
    Report,
    Section,
    Table,
)

_NUMBER = re.compile(
    r"[-+±−]?\d[\d,.]*(?:[eE][-+]?\d+)?(?:\s*(?:±|[-–])\s*\d[\d,.]*)?\s*(?:%|dB|dBFS|Hz|s|ms|bit|bits|x|k|M)?|[-–]"
)

_WIDE_PIXELS = 800  # images narrower than this fit a phone; others keep their size there and scroll
_STRIP_BYTES = 45_000


def render(report: Report, assets: Assets) -> str:
    """The page of a report; what it shows is put into `assets` on the way."""
    anchors = _anchors(report.sections)
    parts = {
        "mark": MARK,
        "title": escape(report.title),
        "subtitle": f'<p class="subtitle">{_inline(report.subtitle)}</p>' if report.subtitle else "",
        "warning": f'<div class="warning" role="alert">{_inline(report.warning)}</div>' if report.warning else "",
        "facts": _pairs(report.facts, "facts"),
        "headlines": _group("div", "headlines", [_headline(item) for item in report.headlines]),
        "contents": _group(
            "nav",
            "contents",
            [
                f'<a href="#{anchor}">{escape(item.title)}</a>'
                for item, anchor in zip(report.sections, anchors, strict=True)
            ],
        ),
        "sections": "\n".join(
            _section(item, anchor, assets) for item, anchor in zip(report.sections, anchors, strict=True)
        ),
        "command": _command(report.command),
        "versions": _pairs(tuple(report.versions.items()), "versions"),
    }
    template = files("vqspeech.analysis").joinpath("report.html").read_text(encoding="utf-8")
    return Template(template).substitute(parts)


def format_cell(cell: Cell) -> str:
    """A cell as text: a dash for None, whole numbers with thousands separators, other numbers with three or four digits."""
    if cell is None:
        return "–"
    if isinstance(cell, bool | str):
        return str(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    if cell == 0 or 0.001 <= abs(cell) < 10000:
        decimals = 1 if abs(cell) >= 100 else 2 if abs(cell) >= 10 else 3
        return f"{cell:.{decimals}f}"
    return f"{cell:.3g}"


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{_inline(part.strip())}</p>" for part in re.split(r"\n\s*\n", text) if part.strip())


def _group(tag: str, name: str, items: list[str]) -> str:
    return f'<{tag} class="{name}">\n' + "\n".join(items) + f"\n</{tag}>" if items else ""


def _pairs(pairs: tuple[tuple[str, str], ...], name: str) -> str:
    rows = [f"<div><dt>{escape(key)}</dt><dd>{_inline(str(value))}</dd></div>" for key, value in pairs]
    return _group("dl", name, rows)


def _headline(item: Headline) -> str:
    unit = f'<span class="unit">{escape(item.unit)}</span>' if item.unit else ""
    comparison = f'<p class="comparison">{_inline(item.comparison)}</p>' if item.comparison else ""
    explanation = f'<p class="explanation">{_inline(item.explanation)}</p>' if item.explanation else ""
    value = f'<p class="value">{escape(item.value)}{unit}</p>'
    return f'<div class="headline"><h3>{escape(item.name)}</h3>{value}{comparison}{explanation}</div>'


def _anchors(sections: tuple[Section, ...]) -> list[str]:
    slugs = [re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") for section in sections]
    return [f"{index + 1}-{slug}" for index, slug in enumerate(slugs)]


def _section(section: Section, anchor: str, assets: Assets) -> str:
    parts = [
        f"<h2>{escape(section.title)}</h2>",
        _paragraphs(section.text),
        *[_table(table) for table in section.tables],
        *[_picture(picture, section.title, assets) for picture in section.figures],
        *[_player_row(row, assets) for row in section.players],
    ]
    return f'<section id="{anchor}">\n' + "\n".join(part for part in parts if part) + "\n</section>"


def _table(table: Table) -> str:
    texts = [[format_cell(cell) for cell in row] for row in table.rows]
    numeric = [
        bool(texts) and all(_NUMBER.fullmatch(row[column].strip()) for row in texts)
        for column in range(len(table.columns))
    ]
    style = [' class="number"' if flush else "" for flush in numeric]
    head = "".join(f'<th scope="col"{how}>{_inline(name)}</th>' for name, how in zip(table.columns, style, strict=True))
    body = []
    for index, row in enumerate(texts):
        cells = "".join(f"<td{how}>{_inline(text)}</td>" for text, how in zip(row, style, strict=True))
        body.append(f"<tr{' class=' + chr(34) + 'result' + chr(34) if index == table.emphasis else ''}>{cells}</tr>")
    caption = f"<caption>{_inline(table.caption)}</caption>" if table.caption else ""
    rows = "\n".join(body)
    return f'<div class="table"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'


def _picture(picture: Picture, name: str, assets: Assets) -> str:
    address = assets.image(picture.source, name)
    alt = escape(picture.alt or picture.caption or name)
    caption = f"<figcaption>{_inline(picture.caption)}</figcaption>" if picture.caption else ""
    size = assets.pixels(address)
    small = ' class="small"' if size and size[0] < _WIDE_PIXELS else ""
    room = f' width="{size[0]}" height="{size[1]}"' if size else ""  # the page does not jump when the image comes
    image = f'<img src="{escape(address)}" alt="{alt}"{room} loading="lazy">'
    return f"<figure{small}><div>{image}</div>{caption}</figure>"


def _player_row(row: PlayerRow, assets: Assets) -> str:
    text = f'<p class="words">{_inline(row.text)}</p>' if row.text else ""
    clips = "\n".join(_clip(clip, row.title, assets) for clip in row.clips)
    return f'<div class="utterance"><h3>{escape(row.title)}</h3>{text}<div class="clips">\n{clips}\n</div></div>'


def _clip(clip: Clip, title: str, assets: Assets) -> str:
    speaker = f'<span class="speaker">{escape(clip.speaker)}</span>' if clip.speaker else ""
    strip = ""
    if clip.spectrogram is not None:
        name = f"{title}-{clip.label}-{clip.speaker}"
        address = escape(assets.image(clip.spectrogram, name, max_bytes=_STRIP_BYTES))
        alt = escape(f"Spectrogram of {title}, {clip.label} {clip.speaker}".strip())
        strip = f'<div class="strip"><img src="{address}" alt="{alt}" loading="lazy"><i></i></div>'
    sound = escape(assets.audio(clip.audio))
    measures = _pairs(clip.measures, "measures")
    name = escape(f"{title}, {clip.label} {clip.speaker}".strip())
    return (
        f'<div class="clip"><div class="label"><b>{escape(clip.label)}</b>{speaker}</div>{strip}'
        f'<audio controls preload="none" src="{sound}" aria-label="{name}"></audio>{measures}</div>'
    )


def _command(command: str) -> str:
    if not command:
        return ""
    return (
        '<section id="repeat"><h2>Repeat this run</h2><div class="command">'
        f'<pre><code>{escape(command)}</code></pre><button type="button">Copy</button></div></section>'
    )
