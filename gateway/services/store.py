"""StoreInstances (PS3.18 10.5): each instance judged, held until it is whole, and sent on.

Nothing that is cut reaches an archive: an instance goes on once its last byte is here. The answer
is the report of every instance wherever one was stored; where none was and all failed for the
same reason, it is that reason's own status, which clients know what to do about.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from gateway.access.policy import Policy
from gateway.dicom.multipart import BodyPart
from gateway.dicom.multipart_parser import MultipartError
from gateway.dicom.store_report import CANNOT_UNDERSTAND, FailedInstance, StoreReport
from gateway.errors import GatewayError, bad_request
from gateway.services.call import Call
from gateway.services.delivery import Batch, Delivery, Outcome
from gateway.services.events import Events
from gateway.services.incoming import (
    BrokenOff,
    IncomingInstance,
    Intake,
    Refused,
    StoreRequest,
)
from gateway.services.plan import Planner
from gateway.services.spool import Spool
from gateway.services.store_plan import StorePlan, StoreTarget
from gateway.telemetry.tasks import spawn

_BATCH = 10
_NO_PART = "The body holds no instance."
_MOST_REFUSED = 1000
"""Parts of one request that may be no instance; with the next one it ends, since it is no store."""
_TOO_MANY_REFUSED = "Too many parts of the body are no instances that can be stored."


class StoreInstances:
    """Receives one instance after another while those before it are on their way."""

    def __init__(
        self,
        planner: Planner,
        policy: Policy,
        spool: Spool,
        events: Events,
        *,
        max_instance: int,
        batches: Mapping[str, int] | None = None,
    ) -> None:
        """`max_instance` in bytes; `batches` has the instances in one request, by backend."""
        self._planner = planner
        self._intake = Intake(policy, spool, max_instance)
        self._events = events
        self._batches = dict(batches or {})

    async def plan(self, call: Call, study: str | None) -> StorePlan:
        """Where the request goes. Raises what refuses it, before anything of its body is read."""
        backend = await self._planner.store(call, study)
        return StorePlan(StoreTarget(backend, self._batches.get(backend.name, _BATCH)))

    async def store(self, request: StoreRequest, parts: AsyncIterator[BodyPart]) -> StoreReport:
        """Store every part. MultipartError or GatewayError from `parts` ends the request, and
        what was whole by then is stored and reported; it is stored if the client goes away, too.
        """
        outcome = Outcome()
        delivery = Delivery(request, outcome, self._events)
        reception = _Reception(request, outcome)
        sending = spawn(delivery.run(), "store")
        try:
            async for batch in reception.batches(self._intake, parts):
                await delivery.hand_over(batch)
        finally:
            delivery.end(reception.open_batch)
        await asyncio.shield(sending)
        return outcome.settle()


class _Reception:
    """The receiving half of one request: parts in, full batches out, failures noted."""

    def __init__(self, request: StoreRequest, outcome: Outcome) -> None:
        self._request = request
        self._outcome = outcome
        self._parts = self._refused = 0
        self.open_batch = Batch(request.plan)

    async def batches(self, intake: Intake, parts: AsyncIterator[BodyPart]) -> AsyncIterator[Batch]:
        """Each batch once it is full; what is left at the end is `open_batch`."""
        try:
            async for part in parts:
                self._parts += 1
                if self._refused >= _MOST_REFUSED:
                    raise bad_request(_TOO_MANY_REFUSED)
                instance = await self._taken_in(intake, part)
                for batch in self._completed_by(instance):
                    yield batch
        except (BrokenOff, MultipartError, GatewayError) as error:
            self._break_off(error)
        if not self._parts and self._outcome.is_empty:
            self._outcome.fail(FailedInstance(CANNOT_UNDERSTAND), bad_request(_NO_PART))

    async def _taken_in(self, intake: Intake, part: BodyPart) -> IncomingInstance | None:
        try:
            return await intake.take_in(self._request, part)
        except Refused as refused:
            self._refused += 1
            self._outcome.fail(refused.failure, refused.cause)
            # A chunk may hold thousands of parts that are none, and nothing waits for anything.
            await asyncio.sleep(0)
            return None

    def _completed_by(self, instance: IncomingInstance | None) -> Iterator[Batch]:
        """The batches that are complete now. By then the instance is in one that is not lost."""
        if instance is None:
            return
        if self.open_batch.has(instance):
            yield self._next_batch(instance)
        else:
            self.open_batch.instances.append(instance)
        if self.open_batch.is_full:
            yield self._next_batch()

    def _next_batch(self, *instances: IncomingInstance) -> Batch:
        """The open batch, in the place of which another is open from now on."""
        complete, self.open_batch = self.open_batch, Batch(self._request.plan, list(instances))
        return complete

    def _break_off(self, error: BrokenOff | MultipartError | GatewayError) -> None:
        broken = error if isinstance(error, BrokenOff) else BrokenOff.by(error)
        self._outcome.fail(broken.failure, broken.cause)
