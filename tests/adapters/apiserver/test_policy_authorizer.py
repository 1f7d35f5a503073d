"""What a policy's `authorizer` says is what the server itself would decide."""

from __future__ import annotations

import pytest

from kelm.adapters.apiserver.app import App
from kelm.adapters.apiserver.identity.authentication import Tokens
from kelm.core.api.authorization.decide import Mode
from kelm.core.api.conversation import ADMIN, Asker, Concluded, Wanted, begin
from tests.adapters.apiserver.client import TOKEN, Client, Reply, StillEngine
from tests.adapters.apiserver.test_access import BOB, ROLES, bind, client_of, token

POLICIES = "/apis/admissionregistration.k8s.io/v1"
CONFIGS = "/api/v1/namespaces/default/configmaps"


class Asking(StillEngine):
    """An API server alone that tells policies who asks."""

    async def ask(self, command: Wanted, asker: Asker = ADMIN) -> Concluded:
        self.held, done = begin(self.held, command, self.at_ms, asker)
        assert isinstance(done, Concluded)
        self.moved(self.held)
        return done


def with_policy(mode: Mode) -> tuple[Client, dict[str, str]]:
    """A server where who may not delete nodes makes no ConfigMaps, and Bob, who may make them."""
    still = client_of(mode).app.engine
    client = Client(App(Asking(still.server, still.now_ms), Tokens(TOKEN), mode=mode))
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
    }
    asks = "authorizer.group('').resource('nodes').check('delete').allowed()"
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": asks}],
    }
    bound = {"policyName": "p", "validationActions": ["Deny"]}
    for path, given in (
        ("validatingadmissionpolicies", spec),
        ("validatingadmissionpolicybindings", bound),
    ):
        body = {"metadata": {"name": "p"}, "spec": given}
        assert client.ask("POST", f"{POLICIES}/{path}", body).status == 201
    bind(client, "edit", BOB, "default")
    return client, token(client)


def make(client: Client, bob: dict[str, str]) -> Reply:
    return client.ask("POST", CONFIGS, {"metadata": {"name": "mine"}}, bob)


@pytest.mark.parametrize(("mode", "status"), [("AlwaysAllow", 201), ("RBAC", 422)])
def test_an_authorizer_follows_the_servers_mode(mode: Mode, status: int) -> None:
    assert make(*with_policy(mode)).status == status


def test_an_authorizer_follows_roles_as_they_are_given() -> None:
    client, bob = with_policy("RBAC")
    rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["delete"]}
    role = {"metadata": {"name": "breaker"}, "rules": [rule]}
    assert client.ask("POST", f"{ROLES}/clusterroles", role).status == 201
    assert make(client, bob).status == 422
    bind(client, "breaker", BOB)
    assert make(client, bob).status == 201
