"""`pixels`: decoding, encoding and rendering."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, Strict

from gateway.config.choices import AutoOrCount
from gateway.config.section import Section, Shape
from gateway.config.units import Amount, Count

Quality: TypeAlias = Annotated[
    int, Strict(), Field(ge=1, le=100), Shape("whole number, from 1 to 100")
]


class Rendered(Section):
    """Rendered images."""

    default: Literal["image/jpeg", "image/png"] = "image/jpeg"
    """The media type where the client leaves it open."""
    quality: Quality = 90
    """Of JPEG, where the client names none."""
    max_viewport: Count = 8192
    """The widest and highest that a client may ask for, in pixels."""


class Thumbnail(Section):
    """Thumbnails."""

    size: Count = 256
    """The longer side, in pixels."""


class PixelsConfig(Section):
    """Decoding, encoding and rendering."""

    workers: AutoOrCount = "auto"
    """Threads that decode and encode; auto: one a core."""
    queue: Amount = 128
    """What may wait for a thread; above: 503 with Retry-After."""
    max_frame_pixels: Count = 268435456
    """A frame with more is refused before it is decoded."""
    rendered: Rendered = Rendered()
    thumbnail: Thumbnail = Thumbnail()
