"""The gateway as it is started in a pod: `python -m gateway serve`, with one worker and with several."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from exchange.layout import READER
from tests.support.waiting import until


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Pod:
    def __init__(self, installation, store, outbox, name, workers):
        self.calls, self.operations = free_port(), free_port()
        told = {
            **installation.settings("gateway"),
            "GATEWAY_DATABASE_URL": outbox.app_url,
            "GATEWAY_STORE_URL": store.database.url(READER),
            "GATEWAY_REGISTRY_URL": "http://127.0.0.1:9",
            "GATEWAY_CATALOG_URL": "http://127.0.0.1:9",
            "GATEWAY_SHARING_URL": "http://127.0.0.1:9",
            "GATEWAY_PORT": str(self.calls),
            "GATEWAY_OPERATIONS_PORT": str(self.operations),
            "GATEWAY_WORKERS": str(workers),
            "GATEWAY_WORKER": name,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"],
            env={**os.environ, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def page(self, path):
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.get(f"http://127.0.0.1:{self.operations}{path}", timeout=5)
            return answer.status_code, answer.text
        return 0, ""

    def call(self):
        """The code with which a call with a wrong key is answered; a connection of its own."""
        answer = httpx2.post(f"http://127.0.0.1:{self.calls}/x", params={"unitKey": "cnu_x", "methodKey": "cnm_x"})
        return answer.json()["ERROR"]["ERROR_CODE"]

    def ended(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=40)[0].decode()
        return self.process.returncode, said


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_pod_answers_tells_of_itself_and_ends_well(installation, store, outbox, workers):
    name = f"pod-{uuid4().hex[:8]}"
    pod = Pod(installation, store, outbox, name, workers)
    try:
        until(lambda: pod.page("/health/ready")[0] == 200, within=60, what="ready")
        if workers == 2:
            until(lambda: pod.page("/health/ready")[1].count('"ok"') == 2, within=60, what="both are ready")
        assert {pod.call() for _ in range(20)} == {"201"}
        page = pod.page("/metrics")[1]
        counted = re.findall(r'^gateway_calls_total\{code="201".*\} ([0-9.]+)$', page, re.MULTILINE)
        assert sum(map(float, counted)) == 20
        assert 'service="unknown"' in page
        for gauge in ("grants", "records_waiting", "connections", "calls_working", "store_connections"):
            assert f"gateway_{gauge}" in page
        assert pod.page("/health/live")[0] == 200
    finally:
        status, said = pod.ended()
    assert status == 0, said
    connection = await asyncpg.connect(outbox.admin_url())
    try:
        keys = await connection.fetchval("select array_agg(distinct key) from outbox where key like $1", f"{name}%")
    finally:
        await connection.close()
    assert keys
    assert set(keys) <= ({name} if workers == 1 else {f"{name}-0", f"{name}-1"}), "each worker has a name of its own"
