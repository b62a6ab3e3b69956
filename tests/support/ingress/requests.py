"""Where requests would go, read off the objects on the controller by the controller's rules, not by ours.

A name is resolved by the names that VsVips register. A virtual service ends TLS and chooses the child: an enhanced
parent by the host of the request, an SNI parent by the server name. Policy sets are asked in the order of their index,
rules in the order of theirs. A redirect that applies decides wherever it stands (the official controller attaches those
of dedicated hosts last, observed a11), else the first rule. What no rule of a parent decides goes to its script, which
takes the pool whose label the request begins with, the longest first.
"""

import re


class Requests:
    """Answers for the objects that a controller has now."""

    def __init__(self, avi):
        self._by_uuid = {}
        for kind in ("virtualservice", "vsvip", "httppolicyset", "poolgroup", "pool", "vsdatascriptset"):
            self._by_uuid |= {one["uuid"]: one for one in avi.objects(kind)}
        self._services = [one for uuid, one in self._by_uuid.items() if uuid.startswith("virtualservice-")]

    def answer(self, host, path, *, port=80):
        """`to` and addresses of servers, `redirect` and a port, `refused` and a status, or `unknown host`."""
        front = self._front(host, port)
        if front is None:
            return ("unknown host", "")
        secure = next(bool(one.get("enable_ssl")) for one in front["services"] if one["port"] == port)
        service = self._chosen(front, host, secure=secure)
        if service is None:
            return ("refused", 404)
        applying = [one for one in self._rules(service) if matches(one.get("match", {}), host, path, port)]
        redirect = next((one for one in applying if "redirect_action" in one), None)
        if applying:
            return self._decided(redirect or applying[0])
        scripts = service.get("vs_datascripts", ())
        return self._by_script(scripts, host, path) if scripts else ("refused", 404)

    def _of(self, ref):
        return self._by_uuid[ref.rpartition("/")[2].partition("#")[0]]

    def _rules(self, service):
        for link in sorted(service.get("http_policies", ()), key=lambda one: one["index"]):
            rules = self._of(link["http_policy_set_ref"]).get("http_request_policy", {}).get("rules", ())
            yield from sorted(rules, key=lambda one: one["index"])

    def _front(self, host, port):
        for name in (host, wildcard(host)):
            for one in self._services:
                ports = {service["port"] for service in one.get("services", ())}
                if "vsvip_ref" in one and port in ports and name in self._names(one):
                    return one
        return None

    def _names(self, service):
        return {one["fqdn"] for one in self._of(service["vsvip_ref"]).get("dns_info", ())}

    def _chosen(self, front, host, *, secure):
        if front["type"] == "VS_TYPE_NORMAL":
            return front
        children = [
            one
            for one in self._services
            if one["type"] == "VS_TYPE_VH_CHILD" and self._of(one["vh_parent_vs_ref"]) is front
        ]
        enhanced = front.get("vh_type") == "VS_TYPE_VH_ENHANCED"
        if not (enhanced or secure):
            return front
        for name in (host, wildcard(host)):
            for child in children:
                if name in served_by(child):
                    return child
        return None

    def _decided(self, rule):
        if "redirect_action" in rule:
            return ("redirect", rule["redirect_action"]["port"])
        return self._group(self._of(rule["switching_action"]["pool_group_ref"]))

    def _group(self, group, members=None):
        members = group["members"] if members is None else members
        pools = [self._of(one["pool_ref"]) for one in members if one["ratio"]]
        servers = {
            server["ip"]["addr"] for pool in pools for server in pool.get("servers", ()) if server.get("enabled", True)
        }
        if servers:
            return ("to", frozenset(servers))
        action = next((one["fail_action"] for one in (group, *pools) if "fail_action" in one), None)
        local = action is not None and action["type"] == "FAIL_ACTION_HTTP_LOCAL_RSP"
        return ("refused", int(action["local_rsp"]["status_code"][-3:]) if local else "closed")

    def _by_script(self, scripts, host, path):
        group = self._of(self._of(scripts[0]["vs_datascript_set_ref"])["pool_group_refs"][0])
        for name in (host, wildcard(host)):
            asked = f"{name}{path}".lower()
            labels = {
                one["priority_label"] for one in group.get("members", ()) if asked.startswith(one["priority_label"])
            }
            if labels:
                label = max(labels, key=len)
                return self._group(group, [one for one in group["members"] if one["priority_label"] == label])
        return ("refused", 404)


def wildcard(host):
    """The wildcard that covers a name; it stands for one label."""
    return "*." + host.partition(".")[2]


def served_by(child):
    """Hosts of a child."""
    return set(child.get("vh_domain_name", ())) | {one["host"] for one in child.get("vh_matches", ())}


def matches(match, host, path, port):
    """Whether a rule applies to a request."""
    wanted = match.get("host_hdr")
    if wanted is not None:
        ends = wanted["match_criteria"] == "HDR_ENDS_WITH"
        if not any(host.endswith(one) if ends else host == one for one in wanted["value"]):
            return False
    if "vs_port" in match and port not in match["vs_port"]["ports"]:
        return False
    wanted = match.get("path")
    return wanted is None or any(path_matches(wanted, one, path) for one in wanted["match_str"])


def path_matches(match, text, path):
    """Whether a path is as a rule wants it."""
    if match["match_case"] == "INSENSITIVE":
        text, path = text.lower(), path.lower()
    criteria = match["match_criteria"]
    if criteria == "REGEX_MATCH":
        return re.search(text, path) is not None
    return path == text if criteria == "EQUALS" else path.startswith(text)
