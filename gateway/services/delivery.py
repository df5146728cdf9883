"""Whole instances on their way into an archive, batch after batch, and what became of them.

While one batch is sent the next is received, and no more than that: an archive that is slow
slows the client down. A batch that is complete goes on even if the client has gone away by then.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.dicom.store_report import (
    FailedInstance,
    StoredInstance,
    StoreReport,
    failure_reason,
    report_all_failed,
)
from gateway.errors import BackendError, GatewayError
from gateway.services.events import Events, InstanceStored, StudyChanged
from gateway.services.incoming import IncomingInstance, StoreRequest
from gateway.services.store_plan import StorePlan, StoreTarget

_BATCH_BYTES = 64 * 1024 * 1024
"""A batch of large instances is sent before it has as many of them as the archive likes."""

# An archive that refused an instance has judged it, which a report tells and a status does not.
_JUDGEMENTS = frozenset({400, 409, 413, 415, 422})

_log = logging.getLogger(__name__)


class Outcome:
    """What became of each instance of one request, and why."""

    def __init__(self) -> None:
        # Grown in place: a body of a million empty parts must not cost its square.
        self._stored: list[StoredInstance] = []
        self._failed: list[FailedInstance] = []
        self._causes: list[GatewayError | None] = []

    @property
    def report(self) -> StoreReport:
        return StoreReport(tuple(self._stored), tuple(self._failed))

    def add(self, report: StoreReport, cause: GatewayError | None = None) -> None:
        """`cause` is what all failures of this report have in common, if it is an error."""
        self._stored += report.stored
        self._failed += report.failed
        self._causes.extend(cause for _ in report.failed)

    def fail(self, failure: FailedInstance, cause: GatewayError | None = None) -> None:
        self.add(StoreReport(failed=(failure,)), cause)

    @property
    def is_empty(self) -> bool:
        """Nothing has failed, and nothing has been sent yet."""
        return not self._failed and not self._stored

    def settle(self) -> StoreReport:
        """The report; the error itself where nothing was stored and it is the only cause.

        Whatever was stored is named, so that one stored instance makes the report the answer.
        """
        statuses = {None if cause is None else cause.status for cause in self._causes}
        cause = self._causes[0] if self._causes else None
        if self._stored or cause is None or len(statuses) > 1:
            return self.report
        # Once it is raised it leads here: kept here too, it would stay until the collector comes.
        self._causes.clear()
        try:
            raise cause
        finally:
            del cause


@dataclass(slots=True)
class Batch:
    """Instances that go to the same targets in one request."""

    plan: StorePlan
    instances: list[IncomingInstance] = field(default_factory=list)

    def has(self, instance: IncomingInstance) -> bool:
        """True if one with the same SOP Instance UID is here. An archive's report tells instances
        apart by nothing else, so that two of one UID never go together."""
        uid = instance.resource.instance
        return any(each.resource.instance == uid for each in self.instances)

    @property
    def is_full(self) -> bool:
        size = sum(instance.length for instance in self.instances)
        return len(self.instances) >= self.plan.primary.batch or size >= _BATCH_BYTES


class Delivery:
    """Sends what it is handed, in order. One receiver hands over, `run` is a task beside it."""

    def __init__(self, request: StoreRequest, outcome: Outcome, events: Events) -> None:
        self._request = request
        self._outcome = outcome
        self._events = events
        self._begun = asyncio.Semaphore(0)
        self._is_running = True
        self._batches: asyncio.Queue[Batch | None] = asyncio.Queue()

    async def hand_over(self, batch: Batch) -> None:
        """Returns once the batches before this one are through; it is sent in any case.

        GatewayError if `run` has ended, as it does only when it is cancelled.
        """
        self._batches.put_nowait(batch)
        if self._is_running:
            await self._begun.acquire()
        if not self._is_running:
            raise _internal_error()

    def end(self, last: Batch | None) -> None:
        """Nothing comes after `last`. Never waits, so that it may be said while being cancelled."""
        if last is not None and last.instances:
            self._batches.put_nowait(last)
        self._batches.put_nowait(None)

    async def run(self) -> None:
        """Send batches until the end is told."""
        try:
            while (batch := await self._batches.get()) is not None:
                self._begun.release()
                await self._send_and_forget(batch)
        finally:
            self._is_running = False
            self._begun.release()

    async def _send_and_forget(self, batch: Batch) -> None:
        try:
            await self._send(batch.plan.primary, batch.instances)
        finally:
            for instance in batch.instances:
                await _forget(instance)

    async def _send(self, target: StoreTarget, instances: Sequence[IncomingInstance]) -> None:
        try:
            report = await target.backend.store(
                instances, self._request.study, self._request.call.context
            )
        except GatewayError as error:
            self._outcome.add(*_failed(instances, error))
        except Exception as error:
            # A fault of the gateway's own must not lose what is known of the other batches.
            _log.error("A batch was not stored", exc_info=error)
            self._outcome.add(*_failed(instances, _internal_error()))
        else:
            self._outcome.add(report)
            self._publish(target, report)

    def _publish(self, target: StoreTarget, report: StoreReport) -> None:
        for stored in report.stored:
            name = target.backend.name
            self._events.publish(InstanceStored(name, stored.resource, stored.sop_class))
        for study in dict.fromkeys(stored.resource.study for stored in report.stored):
            self._events.publish(StudyChanged(study))


async def _forget(instance: IncomingInstance) -> None:
    """Free what the instance held; if that fails, its outcome stays what it is."""
    try:
        await instance.close()
    except Exception as error:
        _log.error("What was received could not be freed", exc_info=error)


def _internal_error() -> GatewayError:
    return GatewayError(500, "An unexpected error; the log has it.", "internal")


def _failed(
    instances: Sequence[IncomingInstance], error: GatewayError
) -> tuple[StoreReport, GatewayError | None]:
    """The report of a batch that failed as one, and its cause."""
    status = error.upstream_status if isinstance(error, BackendError) else None
    report = report_all_failed(instances, failure_reason(status or error.status))
    return report, None if status in _JUDGEMENTS else error
