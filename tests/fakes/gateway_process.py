"""The gateway as operators run it: a process of its own, its output, its signals, its exit code.

async with gateway_process({"server": {...}, "backends": [...]}, tmp_path) as gateway:
    async with gateway.client.get("/dicom-web/studies") as response:
        ...
    gateway.send(signal.SIGTERM)
    assert await gateway.exit_code() == 0
"""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout

_START_SECONDS = 60.0
_END_SECONDS = 30.0
_SERVES = re.compile(r" serves (\S+?//[^/\s]+)")


@dataclass
class GatewayProcess:
    """A running gateway."""

    process: Process
    output: list[str] = field(default_factory=list)
    """Lines of standard output: the log."""
    errors: list[str] = field(default_factory=list)
    """Lines of standard error: what it says to people."""
    address: str = ""
    """Scheme, host and port."""
    client: ClientSession = field(init=False)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        async with asyncio.timeout(_END_SECONDS):
            return await self.process.wait()

    async def until(self, condition: Callable[["GatewayProcess"], bool]) -> None:
        """Wait for something that shows in the output."""
        async with asyncio.timeout(_END_SECONDS):
            while not condition(self):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def gateway_process(
    config: Mapping[str, Any],
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[GatewayProcess]:
    """`serve` with this configuration, on a free port unless it says otherwise; killed in the end.

    The configuration is written as JSON, which is YAML too.
    """
    file = folder / "gateway.yaml"
    server = {"port": 0, **config.get("server", {})}
    await asyncio.to_thread(file.write_text, json.dumps({"version": 1, **config, "server": server}))
    async with command("serve", "--config", str(file), *arguments, environ=environ) as gateway:
        async with asyncio.timeout(_START_SECONDS):
            while not (found := _SERVES.search("\n".join(gateway.errors))):
                if gateway.process.returncode is not None:
                    raise AssertionError("\n".join(("It did not start:", *gateway.errors)))
                await asyncio.sleep(0.02)
        gateway.address = found[1]
        timeout = ClientTimeout(total=60)
        async with ClientSession(gateway.address, timeout=timeout) as gateway.client:
            yield gateway


@asynccontextmanager
async def command(
    *arguments: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[GatewayProcess]:
    """Any command; its output is gathered as it comes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **(environ or {})},
    )
    running = GatewayProcess(process)
    async with asyncio.TaskGroup() as readers:
        readers.create_task(_gather(process.stdout, running.output))
        readers.create_task(_gather(process.stderr, running.errors))
        try:
            yield running
        except Exception as failure:
            failure.add_note("\n".join(["The gateway said:", *running.errors, *running.output]))
            raise
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _gather(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    assert stream is not None
    while line := await stream.readline():
        lines.append(line.decode().rstrip("\n"))
