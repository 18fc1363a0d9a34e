"""The whole interface as its description has it: what may be asked, and what may be answered."""

import faulthandler
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from fuzz.house import BOT, TOKENS, House
from fuzz.tenants import CALLERS, AwayNow, Caller, asgi_request, open_tenants
from intentlive.ingest.cloudevents import NDJSON

EXAMPLES = 25
BASE = "http://server"
HANGS_AFTER = 10  # seconds
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
Work = Callable[[], None]


@schemathesis.serializer(NDJSON)
def as_lines(_context: object, value: Any) -> dict[str, bytes]:
    """A text as it is, anything else as one line."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return {"data": text.encode("utf-8", "replace")}


class Interface:
    """The application, and its description without what stands for any answer."""

    def __init__(self, folder: Path) -> None:
        load_all_checks()
        self.house = House(lambda: self._open(folder))
        self.tried = 0
        document = json.loads(self._send(requests.Request("GET", f"{BASE}/openapi.json")).content)
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("default")
        self.schema = schemathesis.openapi.from_dict(document)
        self.operations = [each.ok() for each in self.schema.get_all_operations()]

    async def _open(self, folder: Path) -> AwayNow:
        self.store = await open_tenants(folder)
        return self.store

    def call(self, case: Case[Any], caller: Caller) -> None:
        """Try one case and check the answer."""
        self.tried += 1
        self.store.is_away = caller.store_is_away
        self.house.now += 300 if caller.store_is_away else 50  # what is remembered is asked anew
        headers = {"Accept-Encoding": "identity"}  # what is checked must be readable
        if caller.account is not None:
            headers["accountId"] = caller.account
        if caller.token is not None:
            headers |= {"auth": TOKENS[caller.token], "Authorization": ""}
        wanted = case.as_transport_kwargs(base_url=BASE, headers=headers)
        response = self._send(requests.Request(**wanted))
        assert response.status_code != 500
        more = [] if caller.store_is_away else [not_a_server_error]
        case.validate_response(response, checks=[*CHECKS, *more])

    def _send(self, request: requests.Request) -> Response:
        sent = request.prepare()
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        answer = self.house.ask(*asgi_request(sent))
        faulthandler.cancel_dump_traceback_later()
        headers = {name.decode(): [value.decode()] for name, value in answer.headers}
        return Response(answer.status, headers, answer.body, sent, 0.0, verify=False)

    def corners(self) -> Iterator[Work]:
        """What lies at the edge of what the description allows, and just beyond."""
        for operation in self.operations:
            config = self.schema.config.generation_for(operation=operation)
            for case in self.schema.iter_coverage_cases(
                operation, generation_modes=MODES, generation_config=config
            ):
                yield lambda case=case: self.call(case, CALLERS[1])  # type: ignore[misc]
                if "BotID" in case.path_parameters and case.method == operation.method.upper():
                    yield lambda case=case: self._at_home(case)  # type: ignore[misc]

    def _at_home(self, case: Case[Any]) -> None:
        case.path_parameters = {"BotID": BOT}
        self.call(case, CALLERS[0])

    def examples(self, seed: int) -> Iterator[Work]:
        """Anything, within the description and without, from every caller in turn."""
        for caller, operation, mode in cycle(product(CALLERS, self.operations, MODES)):
            seed += 1
            if mode is GenerationMode.NEGATIVE and not any(operation.iter_parameters()):
                continue  # there is nothing in which it could be wrong
            yield hypothesis.seed(seed)(self._some(caller, operation, mode))

    def _some(self, caller: Caller, operation: APIOperation, mode: GenerationMode) -> Work:
        fixed = {"BotID": caller.bot} if caller.bot and "{BotID}" in operation.path else None
        cases = operation.as_strategy(mode, path_parameters=fixed)

        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(cases)
        def some(case: Case[Any]) -> None:
            self.call(case, caller)

        return some


def run(folder: Path, seconds: int, seed: int) -> None:
    """Try the corners of every operation once, then anything until the time is over."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as data:
        interface = Interface(Path(data))
        try:
            for work in interface.corners():
                work()
            for work in interface.examples(seed):
                if time.monotonic() > end:
                    break
                work()
        except BaseException as error:
            (folder / f"crash-{interface.tried}").write_text(f"{error}\n")
            raise
        finally:
            print(f"stat::number_of_executed_units: {interface.tried}")
            print(f"corp: {len(interface.operations)}/")
