"""What an archive renders is passed through, for the resource that the client means."""

import pytest

from gateway.backends.base import Capabilities
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Resource
from gateway.errors import GatewayError
from gateway.services.rendered import RetrieveRendered
from gateway.services.view import IdentityView, View
from tests.fakes.backend import MemoryBackend
from tests.fakes.calls import all_of, call, part, planner
from tests.fakes.views import OtherUids

JPEG = "image/jpeg"
IN_PARTS = f'multipart/related; type="{JPEG}"'
INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")


def archive(*images: bytes) -> MemoryBackend:
    parts = [part(JPEG, image) for image in images]
    return MemoryBackend(parts=parts, capabilities=Capabilities(rendered=True))


async def multipart(
    backend: MemoryBackend, request: RenderedRequest, view: View | None = None
) -> bool:
    """Whether the answer is; all of it is read."""
    retrieve = RetrieveRendered(planner(backend), view or IdentityView()).retrieve
    async with retrieve(call(), request) as retrieved:
        await all_of(retrieved)
        return retrieved.multipart


@pytest.mark.parametrize(
    ("accept", "resource", "frames", "expected"),
    [
        (JPEG, INSTANCE, (), False),
        (IN_PARTS, INSTANCE, (), True),
        (f"{JPEG}, {IN_PARTS}", INSTANCE, (), False),
        (f"{IN_PARTS}, {JPEG}", INSTANCE, (7,), False),
        (f"{JPEG}, {IN_PARTS}", INSTANCE, (7, 8), True),
        (f"{JPEG}, {IN_PARTS}", Resource("1.2", "1.2.3"), (), True),
        (f"{JPEG}, {IN_PARTS}", Resource("1.2"), (), True),
    ],
)
async def test_where_both_forms_are_taken_a_single_image_comes_bare(
    accept: str, resource: Resource, frames: tuple[int, ...], expected: bool
) -> None:
    asked = RenderedRequest(resource, "rendered", accept, frames)
    assert await multipart(archive(b"image"), asked) is expected


async def test_no_image_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        await multipart(archive(), RenderedRequest(INSTANCE, "rendered", JPEG))
    assert caught.value.status == 404


async def test_the_archive_is_asked_for_its_own_resource() -> None:
    backend, asked = archive(b"image"), Resource("2.25.2", "2.25.2.3", "2.25.2.3.4")
    await multipart(backend, RenderedRequest(asked, "rendered", JPEG, (3,)), OtherUids())
    assert backend.calls == [("rendered", RenderedRequest(INSTANCE, "rendered", JPEG, (3,)))]
