"""Record what a real API server answers about CustomResourceDefinitions.

    python -m tests.tools.record_definitions [FILE]

Each line of the file is a case: its requests, and to each of them the code, the reason and the
causes of the answer; of what was accepted the specification and the versions that are stored; and
what had become of all definitions a moment later. Order and times are left out of it.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.realcluster.servers import Servers, running
from tests.tools.definition_cases import Case, Json, cases

HERE = Path(__file__).resolve().parents[1] / "core/api/custom/definitions_recorded.jsonl"
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SETTLED_SECONDS = 0.4


def ask(servers: Servers, method: str, path: str, body: object = None) -> tuple[int, Json]:
    """One request and its answer."""
    request = urllib.request.Request(servers.url + path, method=method)
    data = None if body is None else json.dumps(body).encode()
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, data, context=servers.tls(), timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read().decode()
        return error.code, json.loads(said) if said[:1] == "{" else {"message": said}


def heard(code: int, answer: Json) -> Json:
    """What is kept of an answer."""
    if code < 400:
        if answer.get("kind") != "CustomResourceDefinition":
            return {"code": code}
        status = answer["status"]
        return {"code": code, "spec": answer["spec"], "stored": status.get("storedVersions")}
    details = answer.get("details", {})
    causes = [
        [one.get("field", ""), one.get("reason", ""), _without_suffix(one.get("message", ""))]
        for one in details.get("causes", ())
    ]
    found = {"code": code, "reason": answer.get("reason"), "causes": sorted(causes)}
    return found if causes else {**found, "message": answer.get("message")}


def _without_suffix(message: str) -> str:
    return re.sub(r'"gadgets\.[a-z0-9]{5}"', '"gadgets."', message)


def state(definition: Json) -> Json:
    """What the server has made of a definition."""
    status = definition["status"]
    conditions = {
        one["type"]: [one["status"], one.get("reason", ""), one.get("message", "")]
        for one in status.get("conditions", ())
    }
    names = {key: value for key, value in status["acceptedNames"].items() if value}
    return {"conditions": conditions, "names": names, "stored": status.get("storedVersions")}


def settled(servers: Servers) -> Json:
    """All definitions, as soon as nothing happens to them any more."""
    before: Json = {}
    while True:
        time.sleep(SETTLED_SECONDS)
        items = ask(servers, "GET", PATH)[1]["items"]
        found = {one["metadata"]["name"]: state(one) for one in items}
        if found == before:
            return found
        before = found


def carried_out(servers: Servers, verb: str, doc: Json) -> tuple[int, Json]:
    """Make a request; an update is made of what is stored."""
    path = f"{PATH}/{doc['metadata']['name']}"
    if verb == "create":
        return ask(servers, "POST", PATH, doc)
    if verb == "delete":
        return ask(servers, "DELETE", path)
    stored = ask(servers, "GET", path)[1]
    meta = {**doc["metadata"], "resourceVersion": stored["metadata"]["resourceVersion"]}
    return ask(servers, "PUT", path, {**doc, "metadata": meta})


def recorded(servers: Servers, case: Case) -> Json:
    """A case with its answers; afterwards there is no definition any more."""
    label, requests = case
    steps: list[Any] = []
    for verb, doc in requests:
        code, answer = carried_out(servers, verb, doc)
        steps.append({"verb": verb, "object": doc, "answer": heard(code, answer)})
        if code < 400:
            steps[-1]["state"] = settled(servers)
    for name in settled(servers) if any(step["answer"]["code"] < 400 for step in steps) else ():
        ask(servers, "DELETE", f"{PATH}/{name}")
    while ask(servers, "GET", PATH)[1]["items"]:
        time.sleep(0.05)
    return {"name": label, "steps": steps}


def main(target: Path) -> None:
    with running() as servers, target.open("w") as file:
        for case in cases():
            file.write(json.dumps(recorded(servers, case), separators=(",", ":")) + "\n")
            file.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
