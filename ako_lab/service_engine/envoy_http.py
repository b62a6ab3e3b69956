"""Layer 7 in Envoy's words: the connection manager of a chain, its routes, its scripts."""

from collections.abc import Iterable, Mapping

import msgspec

from ako_lab.service_engine.lua import lua_of
from ako_lab.service_engine.matching import route_match
from ako_lab.service_engine.model import Answer, Chain, Edit, Forward, Redirect, Route, Script, Target, Token, Upstream
from ako_lab.service_engine.objects import Json

TYPE = "type.googleapis.com/"
NOBODY = "nobody"
METADATA = "ako.service_engine"
_HTTP = f"{TYPE}envoy.extensions.filters.http"
_LUA, _SESSION = "envoy.filters.http.lua", "envoy.filters.http.stateful_session"
_STATUS = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_APPENDS = {"add": "APPEND_IF_EXISTS_OR_ADD", "replace": "OVERWRITE_IF_EXISTS_OR_ADD"}
_NO_SERVER = Answer(status=503)


def connection_manager(name: str, chain: Chain, upstreams: Mapping[str, Upstream]) -> dict[str, Json]:
    """The filter that serves a chain's requests."""
    scripts = {script.name: script for script in chain.scripts}
    routes = [made for route in chain.routes for made in _routes(route, scripts.get(route.script), upstreams)]
    filters: list[Json] = []
    if scripts:
        sources = {key: {"inline_string": lua_of(script)} for key, script in scripts.items()}
        filters.append({"name": _LUA, "typed_config": {"@type": f"{_HTTP}.lua.v3.Lua", "source_codes": sources}})
    if any(_SESSION in route.get("typed_per_filter_config", {}) for route in routes):
        config = {"@type": f"{_HTTP}.stateful_session.v3.StatefulSession"}
        filters.append({"name": _SESSION, "typed_config": config})
    router = {"@type": f"{_HTTP}.router.v3.Router", "suppress_envoy_headers": True}
    filters.append({"name": "envoy.filters.http.router", "typed_config": router})
    table: dict[str, Json] = {
        "name": name,
        "validate_clusters": False,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        **_response_edits(chain.response_edits),
    }
    if chain.forwarded_proto:
        table["request_headers_to_add"] = [_header("replace", "X-Forwarded-Proto", "%REQ(:SCHEME)%")]
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "http",
            "route_config": table,
            "http_filters": filters,
            "generate_request_id": False,
            "server_header_transformation": "PASS_THROUGH",
            "use_remote_address": True,
            "skip_xff_append": not chain.forwarded_for,
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "http_protocol_options": {"accept_http_10": True},
            "stream_idle_timeout": "0s",
        },
    }


def _routes(route: Route, script: Script | None, upstreams: Mapping[str, Upstream]) -> list[Json]:
    """A route; in front of it one for each choice of its script."""
    found = []
    match = route_match(route.conditions)
    if script is not None and not isinstance(route.action, Redirect):
        for choice, target in sorted(script.choices.items()):
            wanted = {
                "filter": METADATA,
                "path": [{"key": "choice"}],
                "value": {"string_match": {"exact": choice}},
            }
            base = route.action if isinstance(route.action, Forward) else Forward(target=target)
            chosen = msgspec.structs.replace(
                route, name=f"{route.name}-{choice}", action=msgspec.structs.replace(base, target=target), edits=()
            )
            found.append({**_route(chosen, upstreams), "match": {**match, "dynamic_metadata": [wanted]}})
    made = {**_route(route if script is None else msgspec.structs.replace(route, edits=()), upstreams), "match": match}
    if script is not None and not isinstance(route.action, Redirect):
        for one in (*found, made):
            per_route = {"@type": f"{_HTTP}.lua.v3.LuaPerRoute", "name": script.name}
            one.setdefault("typed_per_filter_config", {})[_LUA] = per_route
        # A script sees what the rules before it changed, so it is the script's filter that changes it.
        edits = [{"action": edit.action, "name": edit.name.lower(), "value": edit.value} for edit in route.edits]
        if edits:
            made["metadata"] = {"filter_metadata": {_LUA: {"edits": edits}}}
    return [*found, made]


def _route(route: Route, upstreams: Mapping[str, Upstream]) -> dict[str, Json]:
    action = route.action
    if isinstance(action, Forward) and not action.target.shares:
        action = action.target.failure or _NO_SERVER
    found: dict[str, Json] = {
        "name": route.name,
        **_request_edits(route.edits),
        **_response_edits(route.response_edits),
    }
    if isinstance(action, Redirect):
        found["redirect"] = _redirect(action)
    elif isinstance(action, Answer):
        body = {"body": {"inline_string": action.body}} if action.body else {}
        found["direct_response"] = {"status": action.status, **body}
    else:
        found["route"] = _forward(action, upstreams)
        first = upstreams.get(action.target.shares[0].upstream)
        if first is not None and first.cookie:
            found["typed_per_filter_config"] = {_SESSION: _session(first)}
    return found


def _forward(action: Forward, upstreams: Mapping[str, Upstream]) -> dict[str, Json]:
    found: dict[str, Json] = {
        **shares_of(action.target),
        "timeout": f"{action.timeout:.3f}s",
        "cluster_not_found_response_code": "SERVICE_UNAVAILABLE",
        "retry_policy": _retries(action),
    }
    if action.host:
        found["host_rewrite_literal"] = action.host
    if action.path:
        found["regex_rewrite"] = _rewrite(action.path)
    hashed = hash_policy(action.target, upstreams)
    return {**found, "hash_policy": hashed} if hashed else found


def _retries(action: Forward) -> dict[str, Json]:
    """A server that cannot be connected to is left for another one; answers are tried again where the pool says so."""
    reasons = ["connect-failure", "refused-stream", "reset-before-request"]
    policy: dict[str, Json] = {
        "num_retries": action.retries,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{TYPE}envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }
    if action.retry_codes:
        reasons += ["retriable-status-codes", "reset"]
        policy["retriable_status_codes"] = list(action.retry_codes)
        if action.timeout:
            policy["per_try_timeout"] = f"{action.timeout:.3f}s"
    return {"retry_on": ",".join(reasons), **policy}


def shares_of(target: Target) -> dict[str, Json]:
    """The clusters of a target; without any one that there is not."""
    if len(target.shares) == 1:
        return {"cluster": target.shares[0].upstream}
    if not target.shares:
        return {"cluster": NOBODY}
    return {"weighted_clusters": {"clusters": [{"name": one.upstream, "weight": one.weight} for one in target.shares]}}


def hash_policy(target: Target, upstreams: Mapping[str, Upstream]) -> list[Json]:
    """What a request is hashed by, if a pool of the target asks for it."""
    for share in target.shares:
        balance = upstreams[share.upstream].balance if share.upstream in upstreams else None
        if balance is None or balance.algorithm != "hash":
            continue
        if balance.hash_of == "header":
            return [{"header": {"header_name": balance.name or "host"}}]
        if balance.hash_of == "uri":
            return [{"header": {"header_name": ":path"}}]
        return [{"connection_properties": {"source_ip": True}}]
    return []


def _session(upstream: Upstream) -> dict[str, Json]:
    cookie: dict[str, Json] = {"name": upstream.cookie, "path": "/"}
    if upstream.cookie_seconds:
        cookie["ttl"] = f"{upstream.cookie_seconds}s"
    state = {
        "name": "envoy.http.stateful_session.cookie",
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
            "cookie": cookie,
        },
    }
    inner = {"session_state": state}
    return {"@type": f"{_HTTP}.stateful_session.v3.StatefulSessionPerRoute", "stateful_session": inner}


def _redirect(action: Redirect) -> dict[str, Json]:
    found: dict[str, Json] = {
        "scheme_redirect": action.protocol.lower(),
        "response_code": _STATUS.get(action.status, "FOUND"),
        "strip_query": not action.keep_query,
    }
    if action.host:
        found["host_redirect"] = ".".join(token.text for token in action.host)
    if action.port and (action.protocol, action.port) not in (("HTTP", 80), ("HTTPS", 443)):
        found["port_redirect"] = action.port
    if action.path and all(token.kind == "text" for token in action.path):
        found["path_redirect"] = _joined(action.path)
    elif action.path:
        found["regex_rewrite"] = _rewrite(action.path)
    return found


def _joined(tokens: Iterable[Token]) -> str:
    return "/" + "/".join(token.text.strip("/") for token in tokens if token.kind == "text")


def _rewrite(path: tuple[Token, ...]) -> dict[str, Json]:
    """A path of texts, and of the request's own segments from one on, in the place of the request's path."""
    own = next((token for token in path if token.kind == "path"), None)
    text = _joined(path).replace("\\", "\\\\")
    if own is None:
        return {"pattern": {"regex": "^/.*$"}, "substitution": text}
    skipped = f"^(?:/[^/]*){{{own.start}}}"
    if own.end is not None:
        kept = f"((?:/[^/]*){{0,{max(1, own.end - own.start + 1)}}}).*$"
        return {"pattern": {"regex": skipped + kept}, "substitution": (text if text != "/" else "") + r"\1"}
    if text == "/":
        return {"pattern": {"regex": f"{skipped}/?"}, "substitution": "/"}
    return {"pattern": {"regex": skipped}, "substitution": text}


def _request_edits(edits: tuple[Edit, ...]) -> dict[str, Json]:
    hosts = [edit.value for edit in edits if edit.name.lower() == "host" and edit.action != "remove"]
    rest = tuple(edit for edit in edits if edit.name.lower() != "host")
    found = _edits("request", rest)
    if hosts:
        found.setdefault("request_headers_to_add", []).append(_header("replace", ":authority", hosts[-1]))
    return found


def _response_edits(edits: tuple[Edit, ...]) -> dict[str, Json]:
    return _edits("response", edits)


def _edits(kind: str, edits: tuple[Edit, ...]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for edit in edits:
        if edit.action == "remove":
            found.setdefault(f"{kind}_headers_to_remove", []).append(edit.name)
        else:
            header = _header(edit.action, edit.name, edit.value.replace("%", "%%"))
            found.setdefault(f"{kind}_headers_to_add", []).append(header)
    return found


def _header(action: str, name: str, value: str) -> dict[str, Json]:
    return {"header": {"key": name, "value": value}, "append_action": _APPENDS[action]}
