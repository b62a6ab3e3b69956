"""HTTP policies of a virtual service, as routes.

Documented of Avi: security policies come before request policies, sets go by their index and rules by theirs, a
redirect stands alone. Inferred (`Assumptions`): a rule that chooses a pool or answers ends the search for another such
rule, and nothing else. Redirects and header actions of later rules apply as well: the official controller puts the
redirect to HTTPS and its rewrites behind the rules that choose pools, in one set, and they work. Assumed: rules about
responses look at the request, each on its own; a request that nothing sends anywhere is answered with 404.

A header action with conditions of its own is merged into the routes behind it: a route becomes two, one for requests
that meet both, before the one that is left. What cannot meet is told apart by exact texts, so this stays small.
"""

from collections.abc import Callable, Iterable
from itertools import chain

import msgspec

from ako_lab.service_engine.conditions import NotSimulated, conditions_of, disjoint, implies
from ako_lab.service_engine.model import Answer, Condition, Edit, Forward, Redirect, Route, Target, Token
from ako_lab.service_engine.objects import Document, Objects
from ako_lab.service_engine.pools import Pools

MOST_ROUTES = 2000
NOTHING_THERE = Answer(status=404)
_FIELDS = ("http_security_policy", "http_request_policy", "http_response_policy")
_END = 65535
_EDITS = {"HTTP_ADD_HDR": "add", "HTTP_REPLACE_HDR": "replace", "HTTP_REMOVE_HDR": "remove"}


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of Avi's that no source proves; each can be turned off."""

    redirects_go_first: bool = True
    """A redirect applies although an earlier rule chose a pool; off: the first rule of any kind ends the matter."""


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule changes about requests or responses without ending the matter."""

    conditions: tuple[Condition, ...]
    edits: tuple[Edit, ...] = ()
    response_edits: tuple[Edit, ...] = ()


class Requests:
    """Makes the routes of one virtual service at one port."""

    def __init__(
        self, objects: Objects, pools: Pools, complain: Callable[[str, str], None], assumptions: Assumptions
    ) -> None:
        self._objects = objects
        self._assumptions = assumptions
        self._pools = pools
        self._complain = complain

    def routes_of(
        self, key: str, vs: Document, *, port: int, tls: bool, given: tuple[Condition, ...] = ()
    ) -> list[Route]:
        """The routes, the last of which takes what is left; `given` holds for all of them."""
        sets = self._policy_sets(vs)
        rules = {field: list(chain.from_iterable(_rules(one, field) for one in sets)) for field in _FIELDS}
        responses = rules["http_response_policy"]
        changes = [one for rule in responses if (one := self._response_change(key, rule, port=port, tls=tls))]
        made: list[Route] = []
        for rule in (*rules["http_security_policy"], *rules["http_request_policy"]):
            found = self._read(key, rule, port=port, tls=tls)
            if isinstance(found, Route):
                made.append(msgspec.structs.replace(found, conditions=(*given, *found.conditions)))
            elif found is not None:
                changes.append(found)
        if self._assumptions.redirects_go_first:
            made.sort(key=lambda route: not isinstance(route.action, Redirect))
        made.append(Route(name=f"{key}-rest", conditions=given, action=self._default(vs)))
        script = key if vs.get("vs_datascripts") else ""
        routes = [
            msgspec.structs.replace(one, script=script) for route in made for one in self._merged(key, route, changes)
        ]
        if len(routes) > MOST_ROUTES:
            self._complain(key, f"{len(routes)} routes are more than {MOST_ROUTES}; the rest is left out")
        return routes[:MOST_ROUTES]

    def _read(self, key: str, rule: Document, *, port: int, tls: bool) -> Route | _Change | None:
        """What a rule does at one port; None for nothing, and for what is not simulated."""
        try:
            conditions = conditions_of(self._objects, rule.get("match") or {}, port=port, tls=tls)
            action = self._action(key, rule) if conditions is not None else None
        except NotSimulated as reason:
            self._complain(key, f"rule {rule.get('name', '')}: {reason} is not simulated; the rule is left out")
            return None
        if conditions is None:
            return None
        edits = tuple(_edits(rule))
        if action is None:
            return _Change(conditions=conditions, edits=edits)
        return Route(name=rule.get("name") or key, conditions=conditions, action=action, edits=edits)

    def _policy_sets(self, vs: Document) -> list[Document]:
        policies = sorted(vs.get("http_policies") or (), key=lambda one: one.get("index", 0))
        return [self._objects.get(one.get("http_policy_set_ref")) for one in policies]

    def _merged(self, key: str, route: Route, changes: Iterable[_Change]) -> list[Route]:
        found = [route]
        for change in changes:
            merged: list[Route] = []
            for one in found:
                if disjoint(one.conditions, change.conditions) or disjoint(change.conditions, one.conditions):
                    merged.append(one)
                    continue
                both = _changed(one, change)
                merged.append(both)
                if not implies(one.conditions, change.conditions):
                    merged.append(one)
            found = merged
            if len(found) > MOST_ROUTES:
                self._complain(key, "header actions with conditions make too many cases; some are left out")
                return [route]
        return found

    def _response_change(self, key: str, rule: Document, *, port: int, tls: bool) -> _Change | None:
        try:
            conditions = conditions_of(self._objects, rule.get("match") or {}, port=port, tls=tls)
        except NotSimulated as reason:
            self._complain(key, f"response rule {rule.get('name', '')}: {reason} is not simulated; it is left out")
            return None
        edits = tuple(_edits(rule))
        return _Change(conditions=conditions, response_edits=edits) if conditions is not None else None

    def _action(self, key: str, rule: Document) -> Answer | Redirect | Forward | None:
        """What ends the matter; None for a rule that only changes headers."""
        if action := rule.get("action"):
            return _security_action(action)
        if redirect := rule.get("redirect_action"):
            return _redirect(redirect)
        switching, rewrite = rule.get("switching_action"), rule.get("rewrite_url_action")
        if switching is None:
            if rewrite is not None:
                raise NotSimulated("a rewrite without a choice of the pool")
            return None
        if switching["action"] == "HTTP_SWITCHING_SELECT_LOCAL":
            said = switching.get("other_status_code") or switching.get("status_code", "_200").rsplit("_", 1)[1]
            if switching.get("file"):
                self._complain(key, f"rule {rule.get('name', '')}: the file of a local answer is left out")
            return Answer(status=int(said))
        if switching.get("server"):
            raise NotSimulated("the choice of one server")
        forward = self._forward(switching.get("pool_group_ref"), switching.get("pool_ref"))
        return _rewritten(forward, rewrite) if rewrite else forward

    def _default(self, vs: Document) -> Answer | Forward:
        if vs.get("pool_group_ref") or vs.get("pool_ref"):
            forward = self._forward(vs.get("pool_group_ref"), vs.get("pool_ref"))
            return msgspec.structs.replace(forward, host=vs.get("host_name_xlate") or "")
        return NOTHING_THERE

    def _forward(self, group: str | None, pool: str | None) -> Forward:
        target = self._pools.target_of_group(group) if group else self._pools.target_of_pool(pool or "")
        return forward_to(self._objects, target)


def forward_to(objects: Objects, target: Target) -> Forward:
    """Forwarding with the limits of the first pool that gets traffic."""
    first = objects.get(target.shares[0].upstream) if target.shares else {}
    again = first.get("server_reselect") or {}
    codes: list[int] = []
    if again.get("enabled"):
        said = again.get("svr_resp_code") or {}
        codes = list(said.get("codes") or ())
        for one in said.get("ranges") or ():
            codes += range(one["begin"], one["end"] + 1)
        for block in said.get("resp_code_block") or ():
            codes += range(int(block[-3]) * 100, int(block[-3]) * 100 + 100)
    return Forward(
        target=target,
        timeout=(first.get("server_timeout") or 0) / 1000,
        retry_codes=tuple(sorted(set(codes))),
        retries=again.get("num_retries") or 4 if codes else 2,
    )


def _rules(policy_set: Document, field: str) -> list[Document]:
    rules = (policy_set.get(field) or {}).get("rules") or ()
    return sorted((rule for rule in rules if rule.get("enable", True)), key=lambda rule: rule.get("index", 0))


def _changed(route: Route, change: _Change) -> Route:
    extra = tuple(one for one in change.conditions if one not in route.conditions)
    return msgspec.structs.replace(
        route,
        conditions=(*route.conditions, *extra),
        edits=(*change.edits, *route.edits),
        response_edits=(*route.response_edits, *change.response_edits),
    )


def _edits(rule: Document) -> Iterable[Edit]:
    ordered = sorted(rule.get("hdr_action") or (), key=lambda one: one.get("hdr_index") or 0)
    for one in ordered:
        header = one.get("hdr") or {}
        if one["action"] not in _EDITS or not header.get("name"):
            continue
        value = (header.get("value") or {}).get("val") or ""
        yield Edit(action=_EDITS[one["action"]], name=header["name"], value=value)  # type: ignore[arg-type] # the table


def _security_action(action: Document) -> Answer | Redirect:
    kind = action.get("action", "")
    if kind == "HTTP_SECURITY_ACTION_SEND_RESPONSE":
        return Answer(status=int(action.get("status_code", "_403").rsplit("_", 1)[1]))
    if kind == "HTTP_SECURITY_ACTION_REDIRECT_TO_HTTPS":
        return Redirect(status=302, protocol="HTTPS", port=action.get("https_port") or 443)
    raise NotSimulated(f"the action {kind}")


def _redirect(action: Document) -> Redirect:
    if action.get("add_string"):
        raise NotSimulated("a redirect that adds to the query")
    protocol = action["protocol"]
    return Redirect(
        status=int(action.get("status_code", "_302").rsplit("_", 1)[1]),
        protocol=protocol,
        port=action.get("port") or (443 if protocol == "HTTPS" else 80),
        host=_tokens(action.get("host")),
        path=_tokens(action.get("path")),
        keep_query=action.get("keep_query", True),
    )


def _rewritten(forward: Forward, action: Document) -> Forward:
    host = _tokens(action.get("host_hdr"))
    if any(token.kind != "text" for token in host) or (action.get("query") or {}).get("add_string"):
        raise NotSimulated("a rewrite of the host by tokens, or of the query")
    name = ".".join(token.text for token in host)
    return msgspec.structs.replace(forward, host=name, path=_tokens(action.get("path")))


def _tokens(parameter: Document | None) -> tuple[Token, ...]:
    return tuple(_token(one) for one in (parameter or {}).get("tokens") or ())


def _token(token: Document) -> Token:
    kind = token["type"]
    if kind == "URI_TOKEN_TYPE_STRING":
        return Token(kind="text", text=token.get("str_value") or "")
    if kind in ("URI_TOKEN_TYPE_PATH", "URI_TOKEN_TYPE_HOST"):
        end = token.get("end_index")
        return Token(
            kind="path" if kind.endswith("PATH") else "host",
            start=token.get("start_index") or 0,
            end=None if end in (None, _END) else end,
        )
    raise NotSimulated(f"the token {kind}")
