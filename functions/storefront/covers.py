"""Covers: a drawing per book, made of its title, author and id, the same at every request.

No photograph is fetched from another host: that would tell it who looks at what, and the pages'
Content-Security-Policy allows none.
"""

import hashlib
import textwrap
from html import escape

WIDTH, HEIGHT = 240, 360

PALETTES = (
    ("#1f3a5f", "#f4d58d", "#f7f3e9"),
    ("#5f0f40", "#fb8b24", "#fff4e6"),
    ("#2d4739", "#e6c79c", "#f6f1e7"),
    ("#3d2c2e", "#e9806e", "#fbeee6"),
    ("#134074", "#8da9c4", "#eef4ed"),
    ("#6a040f", "#ffba08", "#fff3d6"),
    ("#22223b", "#c9ada7", "#f2e9e4"),
    ("#004e64", "#9fffcb", "#ecfff6"),
    ("#43281c", "#d4a373", "#faedcd"),
    ("#2f2f4f", "#b8b8ff", "#f8f7ff"),
)
"""Ground, ornament and text; each text stands out from its ground by 7:1 or more."""


def revision(title: str, author: str) -> str:
    """Changes with what a cover shows, so that its address can be cached for ever."""
    return hashlib.blake2b(f"3\n{title}\n{author}".encode(), digest_size=4).hexdigest()


def cover_path(book_id: int, title: str, author: str | None) -> str:
    """Without the author, an address that leads to the cover's."""
    if author is None:
        return f"/covers/{book_id}.svg"
    return f"/covers/{book_id}-{revision(title, author)}.svg"


def cover(book_id: int, title: str, author: str) -> str:
    """An SVG document of `WIDTH` by `HEIGHT`; it holds no script and refers to nothing."""
    seed = hashlib.blake2b(str(book_id).encode(), digest_size=8).digest()
    ground, ornament, text = PALETTES[seed[0] % len(PALETTES)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" role="img">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>'
        f"{_ornament(seed, ornament)}"
        f"{_title(title, text)}{_author(author, text, ground)}"
        f'<rect width="8" height="{HEIGHT}" fill="#000" opacity=".25"/></svg>'
    )


def _ornament(seed: bytes, colour: str) -> str:
    """One of four drawings, placed by the seed."""
    x, y, size = 60 + seed[1] % 120, 236 + seed[2] % 40, 36 + seed[3] % 24
    kind = seed[4] % 4
    if kind == 0:
        rings = "".join(
            f'<circle cx="{x}" cy="{y}" r="{size - 14 * step}"/>'
            for step in range(4)
            if size > 14 * step
        )
        drawn = f'<g fill="none" stroke="{colour}" stroke-width="3">{rings}</g>'
    elif kind == 1:
        bars = "".join(
            f'<rect x="{20 + 26 * step}" y="{306 - (seed[step % 8] % 90)}" width="14"'
            f' height="{seed[step % 8] % 90 + 10}"/>'
            for step in range(8)
        )
        drawn = f'<g fill="{colour}" opacity=".85">{bars}</g>'
    elif kind == 2:
        waves = "".join(
            f'<path d="M0 {y - 24 + 16 * step}q30 -{size // 2} 60 0t60 0 60 0 60 0"/>'
            for step in range(5)
        )
        drawn = f'<g fill="none" stroke="{colour}" stroke-width="3">{waves}</g>'
    else:
        drawn = (
            f'<path d="M0 {HEIGHT}L{x} {y}L{WIDTH} {HEIGHT}z" fill="{colour}" opacity=".9"/>'
            f'<circle cx="{WIDTH - x}" cy="{y - 20}" r="{size // 2}" fill="{colour}"/>'
        )
    return drawn


_SIZES = ((26, 11), (22, 13), (20, 15), (16, 18))
"""Sizes of a title, and how many characters a line holds: the bold letters of a wide serif take 0.7
of their height."""


def _title(title: str, colour: str) -> str:
    longest = max(map(len, title.split()), default=0)
    size, width = next(
        (each for each in _SIZES if len(title) <= 3 * each[1] and longest <= each[1]), _SIZES[-1]
    )
    lines = textwrap.wrap(title, width, max_lines=6, placeholder="…") or [""]
    return _lines(lines, colour, size, top=50, weight="700")


def _author(author: str, colour: str, ground: str) -> str:
    lines = textwrap.wrap(author, 22, max_lines=2, placeholder="…") or [""]
    band = 22 + 19 * len(lines)
    return f'<rect y="{HEIGHT - band}" width="{WIDTH}" height="{band}" fill="{ground}"/>' + _lines(
        lines, colour, 15, top=HEIGHT - 22 - 19 * (len(lines) - 1), weight="400"
    )


def _lines(lines: list[str], colour: str, size: int, *, top: int, weight: str) -> str:
    spans = "".join(
        f'<tspan x="24" y="{top + round(index * size * 1.2)}">{escape(_isolated(line))}</tspan>'
        for index, line in enumerate(lines)
    )
    return (
        f'<text fill="{colour}" font-family="Georgia, \'Times New Roman\', serif"'
        f' font-size="{size}" font-weight="{weight}">{spans}</text>'
    )


def _isolated(line: str) -> str:
    """In the direction of its letters (UAX #9), and without characters that XML 1.0 refuses."""
    return f"\u2068{''.join(each for each in line if each.isprintable())}\u2069"
