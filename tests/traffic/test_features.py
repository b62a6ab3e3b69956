"""What objects of the controller can ask for beyond the golden cases: each feature by requests of its own."""

import datetime as dt
import http.client
import json
import shutil
import ssl
import subprocess
from collections import Counter

import pytest
from support.skips import Missing, skip_without
from support.traffic.bed import RefusedError, TrafficBed, trusting, until

from ako_lab.avi_controller.certificates import self_made_certificate

ONE, TWO, THREE = "10.244.1.5", "10.244.1.7", "10.244.1.8"
L4 = "/api/applicationprofile/?name=System-L4-Application"


@pytest.fixture(scope="module")
def bed():
    with TrafficBed() as bed:
        bed.start_all_pods()
        yield bed


@pytest.fixture(autouse=True)
def clean(bed):
    yield
    bed.reset()


def vip(bed):
    network = {"network_ref": "/api/network/?name=vip-net"}
    return bed.write(
        "vsvip", {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True, "ipam_network_subnet": network}]}
    )


def pool(bed, name, *addresses, **more):
    servers = [{"ip": {"addr": one, "type": "V4"}, "port": 8080} for one in addresses]
    return bed.write("pool", {"name": name, "servers": servers, **more})


def group(bed, name, *members, **more):
    return bed.write("poolgroup", {"name": name, "members": list(members), **more})


def member(name, **more):
    return {"pool_ref": f"/api/pool/?name={name}", **more}


def service(bed, *ports, profile="/api/applicationprofile/?name=System-HTTP", **more):
    """A virtual service; its address."""
    vip(bed)
    bed.write(
        "virtualservice",
        {
            "name": "vs",
            "vsvip_ref": "/api/vsvip/?name=v",
            "application_profile_ref": profile,
            "network_profile_ref": "/api/networkprofile/?name=System-TCP-Proxy",
            "services": [one if isinstance(one, dict) else {"port": one} for one in ports or (80,)],
            **more,
        },
    )
    bed.settle()
    return bed.address("v")


def policy(bed, *rules, kind="http_request_policy"):
    numbered = [{"name": f"r{at}", "index": at, "enable": True, **rule} for at, rule in enumerate(rules)]
    bed.write("httppolicyset", {"name": "p", kind: {"rules": numbered}})
    return {"http_policies": [{"index": 11, "http_policy_set_ref": "/api/httppolicyset/?name=p"}]}


def to(name):
    return {"switching_action": {"action": "HTTP_SWITCHING_SELECT_POOL", "pool_ref": f"/api/pool/?name={name}"}}


def text(criteria, *texts, field="path", **more):
    key = "value" if field in ("host_hdr", "hdrs") else "match_str"
    found = {"match_criteria": criteria, key: list(texts), **more}
    return {"match": {field: [found] if field == "hdrs" else found}}


def header(action, name, value=""):
    return {"action": f"HTTP_{action}_HDR", "hdr": {"name": name, "value": {"val": value}}}


def key_pair(bed, name, common):
    certificate, key = self_made_certificate(common, now=dt.datetime.now(tz=dt.UTC))
    bed.write("sslkeyandcertificate", {"name": name, "certificate": {"certificate": certificate}, "key": key})
    return certificate, key


MATCHES = [
    (text("BEGINS_WITH", "/a"), {"path": "/A/b"}, {"path": "/b"}),
    (text("BEGINS_WITH", "/a", match_case="SENSITIVE"), {"path": "/ab"}, {"path": "/A"}),
    (text("DOES_NOT_BEGIN_WITH", "/a"), {"path": "/b"}, {"path": "/a/b"}),
    (text("CONTAINS", "mid"), {"path": "/x/mid/y"}, {"path": "/x?mid"}),
    (text("ENDS_WITH", ".png", ".gif"), {"path": "/a.gif?x=1"}, {"path": "/a.pngx"}),
    (text("EQUALS", "/a", "/b"), {"path": "/b?x"}, {"path": "/b/"}),
    (text("REGEX_MATCH", "/v[0-9]+/"), {"path": "/x/v1/y"}, {"path": "/x/v/y"}),
    (text("HDR_EQUALS", "a.example.com", field="host_hdr"), {"host": "A.example.com:80"}, {"host": "b.example.com"}),
    (text("HDR_ENDS_WITH", ".example.com", field="host_hdr"), {"host": "b.example.com"}, {"host": "example.org"}),
    (text("HDR_EQUALS", "v", field="hdrs", hdr="X-A"), {"x_a": "V"}, {"x_a": "w"}),
    (text("HDR_EXISTS", field="hdrs", hdr="X-A"), {"x_a": "any"}, {}),
    (text("HDR_CONTAINS", "b", field="hdrs", hdr="X-A", match_case="SENSITIVE"), {"x_a": "abc"}, {"x_a": "ABC"}),
    (text("QUERY_MATCH_CONTAINS", "k=v", field="query"), {"path": "/?a=b&k=v"}, {"path": "/k=v"}),
    (text("QUERY_MATCH_REGEX_MATCH", "(^|&)k=v(&|$)", field="query"), {"path": "/?k=v&a=b"}, {"path": "/?kk=v"}),
    (
        {"match": {"method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_PUT"]}}},
        {"method": "PUT"},
        {"method": "GET"},
    ),
    (
        {"match": {"method": {"match_criteria": "IS_NOT_IN", "methods": ["HTTP_METHOD_GET"]}}},
        {"method": "PUT"},
        {"method": "GET"},
    ),
    (
        {"match": {"cookie": {"match_criteria": "HDR_EQUALS", "name": "c", "value": "1"}}},
        {"cookie": "a=2; c=1"},
        {"cookie": "c=2; cc=1"},
    ),
]


@pytest.mark.parametrize(("match", "meets", "fails"), MATCHES)
def test_a_match_holds_for_what_it_says(bed, match, meets, fails):
    pool(bed, "a", ONE)
    address = service(bed, **policy(bed, {**match, **to("a")}))
    arguments = {"host": "a.example.com"}
    for request, status in ((meets, 200), (fails, 404)):
        more = {**arguments, **request}
        answer = bed.http(address, 80, more.pop("path", "/"), **more)
        assert answer.status == status, request


def test_rewrites_and_header_actions_reach_the_pod(bed):
    pool(bed, "a", ONE)
    tokens = [
        {"type": "URI_TOKEN_TYPE_STRING", "str_value": "new"},
        {"type": "URI_TOKEN_TYPE_PATH", "start_index": 1, "end_index": 65535},
    ]
    host = {"type": "URI_PARAM_TYPE_TOKENIZED", "tokens": [{"type": "URI_TOKEN_TYPE_STRING", "str_value": "inside"}]}
    rewrite = {"path": {"type": "URI_PARAM_TYPE_TOKENIZED", "tokens": tokens}, "host_hdr": host}
    edits = [header("ADD", "X-New", "100%"), header("REPLACE", "X-Old", "2"), header("REMOVE", "X-Gone")]
    rule = {**text("BEGINS_WITH", "/old"), **to("a"), "rewrite_url_action": rewrite, "hdr_action": edits}
    address = service(bed, **policy(bed, rule))
    said = bed.http(address, 80, "/old/x/y?q=1", X_Old="1", X_Gone="1").said
    assert said["path"] == "/new/x/y?q=1"
    assert said["headers"]["host"] == "inside"
    assert (said["headers"]["x-new"], said["headers"]["x-old"]) == ("100%", "2")
    assert "x-gone" not in said["headers"]


def test_rules_about_responses_change_answers(bed):
    pool(bed, "a", ONE)
    rule = {**text("BEGINS_WITH", "/a"), "hdr_action": [header("ADD", "X-Seen", "1"), header("REMOVE", "X-Pod")]}
    address = service(bed, pool_ref="/api/pool/?name=a", **policy(bed, rule, kind="http_response_policy"))
    headers = bed.http(address, 80, "/a").headers
    assert headers["x-seen"] == "1"
    assert "x-pod" not in headers
    assert "x-seen" not in bed.http(address, 80, "/b").headers


def test_local_answers_and_fail_actions(bed):
    pool(
        bed,
        "down",
        fail_action={"type": "FAIL_ACTION_HTTP_LOCAL_RSP", "local_rsp": {"status_code": "FAIL_HTTP_STATUS_CODE_200"}},
    )
    local = {
        "switching_action": {
            "action": "HTTP_SWITCHING_SELECT_LOCAL",
            "status_code": "HTTP_LOCAL_RESPONSE_STATUS_CODE_429",
        }
    }
    address = service(
        bed, **policy(bed, {**text("EQUALS", "/busy"), **local}, {**text("EQUALS", "/down"), **to("down")})
    )
    assert bed.http(address, 80, "/busy").status == 429
    assert bed.http(address, 80, "/down").status == 200


def test_ratios_share_the_traffic(bed):
    pool(bed, "a", ONE)
    pool(bed, "b", TWO)
    group(bed, "g", member("a", ratio=90), member("b", ratio=10))
    address = service(bed, pool_group_ref="/api/poolgroup/?name=g")
    counted = Counter(bed.http(address).pod for _ in range(300))
    # 30 expected, five standard deviations of 5.2.
    assert 4 <= counted[TWO] <= 56
    assert counted[ONE] + counted[TWO] == 300


def test_a_pool_of_the_next_priority_takes_over_when_the_monitor_says_so(bed):
    quick = {"send_interval": 1, "receive_timeout": 1, "successful_checks": 1, "failed_checks": 1}
    http_monitor = {"http_request": "GET /health HTTP/1.0", "http_response_code": ["HTTP_2XX"]}
    bed.write("healthmonitor", {"name": "quick", "type": "HEALTH_MONITOR_HTTP", "http_monitor": http_monitor, **quick})
    monitors = {"health_monitor_refs": ["/api/healthmonitor/?name=quick"]}
    pool(bed, "a", ONE, **monitors)
    pool(bed, "b", TWO, **monitors)
    group(bed, "g", member("a", priority_label="10"), member("b", priority_label="5"))
    address = service(bed, pool_group_ref="/api/poolgroup/?name=g")
    assert {bed.http(address).pod for _ in range(10)} == {ONE}
    bed.http(ONE, 8080, "/health/503", method="POST")
    try:
        until(lambda: bed.http(address).pod == TWO, what="the next priority")
        [found] = [one for one in bed.avi.objects("pool") if one["name"] == "a"]
        runtime = until(
            lambda: (said := bed.client.get(f"/api/pool/{found['uuid']}/runtime").json)["num_servers_up"] == 0 and said,
            what="what the controller says",
        )
        assert runtime["oper_status"]["state"] == "OPER_DOWN"
    finally:
        bed.http(ONE, 8080, "/health/200", method="POST")
    until(lambda: bed.http(address).pod == ONE, what="the first priority again")


def test_a_service_whose_pools_are_down_does_not_listen_if_it_says_so(bed):
    quick = {"send_interval": 1, "receive_timeout": 1, "successful_checks": 1, "failed_checks": 1, "monitor_port": 9}
    bed.write("healthmonitor", {"name": "closed", "type": "HEALTH_MONITOR_TCP", "tcp_monitor": {}, **quick})
    pool(bed, "a", ONE, health_monitor_refs=["/api/healthmonitor/?name=closed"])
    address = service(bed, pool_ref="/api/pool/?name=a", remove_listening_port_on_vs_down=True)

    def closed():
        try:
            bed.http(address)
        except RefusedError:
            return True
        return False

    until(closed, what="nobody listens")
    [vs] = bed.avi.objects("virtualservice")
    assert bed.client.get(f"/api/virtualservice/{vs['uuid']}/runtime").json["oper_status"]["state"] == "OPER_DOWN"


def test_a_cookie_keeps_a_client_with_its_server(bed):
    profile = {"cookie_name": "sticky"}
    bed.write(
        "applicationpersistenceprofile",
        {"name": "c", "persistence_type": "PERSISTENCE_TYPE_HTTP_COOKIE", "http_cookie_persistence_profile": profile},
    )
    pool(bed, "a", ONE, TWO, THREE, application_persistence_profile_ref="/api/applicationpersistenceprofile/?name=c")
    address = service(bed, pool_ref="/api/pool/?name=a")
    first = bed.http(address)
    cookie = first.headers["set-cookie"].split(";")[0]
    assert cookie.startswith("sticky=")
    assert {bed.http(address, cookie=cookie).pod for _ in range(20)} == {first.pod}


def test_a_clients_address_keeps_it_with_its_server(bed):
    pool(bed, "a", ONE, TWO, THREE, lb_algorithm="LB_ALGORITHM_CONSISTENT_HASH")
    address = service(bed, profile=L4, pool_ref="/api/pool/?name=a")
    by_client = {
        source: {bed.http(address, source=source).pod for _ in range(6)}
        for source in (f"192.0.2.{number}" for number in range(1, 13))
    }
    assert all(len(pods) == 1 for pods in by_client.values())
    assert len(set.union(*by_client.values())) > 1


def test_a_disabled_server_gets_nothing_new_and_keeps_what_it_has(bed):
    pool(bed, "a", ONE, TWO)
    address = service(bed, profile=L4, pool_ref="/api/pool/?name=a")
    held = bed.connect(address, 80)
    client = http.client.HTTPConnection(address)
    client.sock = held

    def ask():
        client.request("GET", "/")
        return json.loads(client.getresponse().read())["pod"]

    pod = ask()
    servers = [{"ip": {"addr": one, "type": "V4"}, "port": 8080, "enabled": one != pod} for one in (ONE, TWO)]
    bed.replace("pool", "a", servers=servers)
    bed.settle()
    assert {bed.http(address).pod for _ in range(10)} == {ONE, TWO} - {pod}
    assert ask() == pod
    client.close()


def test_tls_versions_of_the_profile_hold(bed):
    key_pair(bed, "k", "a.example.com")
    bed.write("sslprofile", {"name": "new", "accepted_versions": [{"type": "SSL_VERSION_TLS1_3"}]})
    pool(bed, "a", ONE)
    address = service(
        bed, {"port": 443, "enable_ssl": True}, pool_ref="/api/pool/?name=a",
        ssl_key_and_certificate_refs=["/api/sslkeyandcertificate/?name=k"], ssl_profile_ref="/api/sslprofile/?name=new",
    )  # fmt: skip
    assert bed.http(address, 443, tls="a.example.com").version == "TLSv1.3"
    old = trusting()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(RefusedError):
        bed.http(address, 443, tls=("a.example.com", old))


def test_certificates_are_chosen_by_name_and_the_first_is_for_the_rest(bed):
    found = {name: ssl.PEM_cert_to_DER_cert(key_pair(bed, name, f"{name}.example.com")[0]) for name in ("a", "b")}
    pool(bed, "a", ONE)
    refs = [f"/api/sslkeyandcertificate/?name={name}" for name in found]
    address = service(
        bed, {"port": 443, "enable_ssl": True}, pool_ref="/api/pool/?name=a", ssl_key_and_certificate_refs=refs
    )
    assert bed.http(address, 443, tls="a.example.com").certificate == found["a"]
    assert bed.http(address, 443, tls="b.example.com").certificate == found["b"]
    assert bed.http(address, 443, tls="c.example.com").certificate == found["a"]


def test_clients_show_certificates_where_they_must(bed, tmp_path):
    key_pair(bed, "k", "a.example.com")
    certificate, key = self_made_certificate("client", now=dt.datetime.now(tz=dt.UTC))
    bed.write("pkiprofile", {"name": "clients", "ca_certs": [{"certificate": certificate}], "crl_check": False})
    profile = {
        "ssl_client_certificate_mode": "SSL_CLIENT_CERTIFICATE_REQUIRE",
        "pki_profile_ref": "/api/pkiprofile/?name=clients",
    }
    bed.write(
        "applicationprofile", {"name": "mutual", "type": "APPLICATION_PROFILE_TYPE_HTTP", "http_profile": profile}
    )
    pool(bed, "a", ONE)
    address = service(
        bed, {"port": 443, "enable_ssl": True}, pool_ref="/api/pool/?name=a",
        profile="/api/applicationprofile/?name=mutual",
        ssl_key_and_certificate_refs=["/api/sslkeyandcertificate/?name=k"],
    )  # fmt: skip
    with pytest.raises(RefusedError):
        bed.http(address, 443, tls="a.example.com")
    (tmp_path / "c.pem").write_text(certificate + key)
    known = trusting()
    known.load_cert_chain(tmp_path / "c.pem")
    assert bed.http(address, 443, tls=("a.example.com", known)).pod == ONE


@pytest.mark.parametrize(
    ("authority", "name", "status"), [("pod", "pod.example.com", 200), ("pod", "other", 503), ("other", "", 503)]
)
def test_servers_are_believed_by_authority_and_name(bed, authority, name, status):
    other = self_made_certificate("x", now=dt.datetime.now(tz=dt.UTC))[0]
    bed.write(
        "pkiprofile",
        {
            "name": "ca",
            "ca_certs": [{"certificate": bed.certificate if authority == "pod" else other}],
            "crl_check": False,
        },
    )
    check = {"host_check_enabled": True, "domain_name": [name]} if name else {}
    pool(
        bed,
        "a",
        ONE,
        ssl_profile_ref="/api/sslprofile/?name=System-Standard",
        pki_profile_ref="/api/pkiprofile/?name=ca",
        **check,
    )
    answer = bed.http(service(bed, pool_ref="/api/pool/?name=a"))
    assert answer.status == status
    assert status != 200 or answer.said["tls"] is True


def test_a_script_sees_what_rules_changed_and_answers_by_itself(bed):
    script = """
    if avi.http.get_path() == "/old" then avi.http.redirect("https://new.example.com/", 308) end
    if avi.http.method() == "OPTIONS" then avi.http.response(204, {["x-by"] = avi.http.get_header("x-rule")}) end
    avi.vs.reqvar.seen = avi.http.get_header("x-rule")
    if avi.http.get_path_tokens(1, 1) == "b" then avi.pool.select("b") end
    """
    answer = 'avi.http.add_header("x-seen", avi.vs.reqvar.seen or "nothing")'
    pool(bed, "a", ONE)
    pool(bed, "b", TWO)
    scripts = [
        {"evt": "VS_DATASCRIPT_EVT_HTTP_REQ", "script": script},
        {"evt": "VS_DATASCRIPT_EVT_HTTP_RESP", "script": answer},
    ]
    bed.write("vsdatascriptset", {"name": "s", "datascript": scripts, "pool_refs": ["/api/pool/?name=b"]})
    rule = {**text("BEGINS_WITH", "/"), **to("a"), "hdr_action": [header("REPLACE", "X-Rule", "r7")]}
    address = service(
        bed, vs_datascripts=[{"index": 0, "vs_datascript_set_ref": "/api/vsdatascriptset/?name=s"}], **policy(bed, rule)
    )
    led = bed.http(address, 80, "/old")
    assert (led.status, led.headers["location"]) == (308, "https://new.example.com/")
    local = bed.http(address, 80, "/", method="OPTIONS")
    assert (local.status, local.headers["x-by"]) == (204, "r7")
    assert bed.http(address, 80, "/a").pod == ONE
    other = bed.http(address, 80, "/b/c", x_rule="mine")
    assert (other.pod, other.headers["x-seen"]) == (TWO, "r7")
    assert other.said["headers"]["x-rule"] == "r7"


def test_a_script_that_fails_leaves_the_request_its_way(bed):
    pool(bed, "a", ONE)
    scripts = [{"evt": "VS_DATASCRIPT_EVT_HTTP_REQ", "script": "avi.nothing.of_the_kind()"}]
    bed.write("vsdatascriptset", {"name": "s", "datascript": scripts})
    refs = [{"index": 0, "vs_datascript_set_ref": "/api/vsdatascriptset/?name=s"}]
    address = service(bed, pool_ref="/api/pool/?name=a", vs_datascripts=refs)
    assert bed.http(address).pod == ONE
    assert "datascript" in bed.engine.engine.log.read_text()


def test_what_envoy_refuses_is_an_alert_and_a_state(bed):
    pool(bed, "a", ONE)
    address = service(
        bed, **policy(bed, {**text("REGEX_MATCH", "(?=look)"), **to("a")}, {**text("BEGINS_WITH", "/"), **to("a")})
    )
    until(lambda: bed.avi.alerts, what="an alert")
    [alert] = bed.avi.alerts
    assert "refuses the configuration" in alert.text
    [vs] = bed.avi.objects("virtualservice")
    assert alert.object == f"virtualservice/{vs['uuid']}"
    state = bed.client.get(f"/api/virtualservice/{vs['uuid']}/runtime").json["oper_status"]
    assert state["state"] == "OPER_DOWN"
    with pytest.raises(RefusedError):
        bed.http(address)


def test_no_more_connections_than_the_service_allows(bed):
    pool(bed, "a", ONE)
    address = service(
        bed, profile=L4, pool_ref="/api/pool/?name=a", performance_limits={"max_concurrent_connections": 2}
    )
    held = [bed.connect(address, 80) for _ in range(2)]
    for one in held:
        one.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert one.recv(100)
    with pytest.raises(RefusedError):
        bed.http(address)
    for one in held:
        one.close()


def test_http_2_goes_to_clients_that_ask_for_it(bed, tmp_path):
    key_pair(bed, "k", "a.example.com")
    pool(bed, "a", ONE)
    address = service(
        bed, {"port": 443, "enable_ssl": True, "enable_http2": True}, pool_ref="/api/pool/?name=a",
        ssl_key_and_certificate_refs=["/api/sslkeyandcertificate/?name=k"],
    )  # fmt: skip
    said = client(
        bed, "curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", f"https://{address}/"
    )
    assert said == "2 200"


def test_openssl_sees_names_and_chains(bed):
    key_pair(bed, "k", "a.example.com")
    pool(bed, "a", ONE)
    address = service(
        bed, {"port": 443, "enable_ssl": True}, pool_ref="/api/pool/?name=a",
        ssl_key_and_certificate_refs=["/api/sslkeyandcertificate/?name=k"],
    )  # fmt: skip
    said = client(bed, "openssl", "s_client", "-connect", f"{address}:443", "-servername", "a.example.com", "-brief")
    assert "a.example.com" in said
    assert "TLSv1.2" in said


def client(bed, *command):
    """What a program of others says, run where the addresses are."""
    if shutil.which(command[0]) is None:
        skip_without(Missing.TOOLS, f"{command[0]} is not installed")
    entering = bed.place.entering.split()
    done = subprocess.run([*entering, *command], input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + (done.stderr if command[0] == "openssl" else "")


def test_a_new_address_answers_and_a_deleted_one_does_not(bed):
    pool(bed, "a", ONE)
    address = service(bed, 80, 81, {"port": 90, "port_range_end": 93}, profile=L4, pool_ref="/api/pool/?name=a")
    assert [bed.http(address, port).pod for port in (80, 81, 90, 93)] == [ONE] * 4
    bed.delete("virtualservice", "vs")
    bed.settle()
    with pytest.raises(RefusedError):
        bed.connect(address, 80).close()


@pytest.mark.parametrize(("transport", "profile"), [("t1", "TCP-Proxy"), ("u1", "UDP-Fast-Path")])
def test_a_sip_client_of_others_calls_through_an_address(bed, tmp_path, transport, profile):
    """SIPp: its own server behind the virtual service, its own client in front of it; it sends again what is lost."""
    program = shutil.which("sipp")
    if program is None:
        skip_without(Missing.TOOLS, "sipp is not installed (Debian: sip-tester)")
    port = 5070 if transport == "t1" else 5071
    arguments = ["-sn", "uas", "-i", THREE, "-p", str(port), "-t", transport, "-nostdin"]
    bed.place.start([program, *arguments], log=tmp_path / "uas.log")
    if transport == "t1":
        until(lambda: accepts(bed, THREE, port), what="the SIP server")
    bed.write("pool", {"name": "sip", "servers": [{"ip": {"addr": THREE, "type": "V4"}, "port": port}]})
    override = {"override_network_profile_ref": f"/api/networkprofile/?name=System-{profile}"}
    address = service(bed, {"port": 5060, **override}, profile=L4, pool_ref="/api/pool/?name=sip")
    call = ["sipp", "-sn", "uac", "-i", "192.0.2.5", "-t", transport, "-m", "20", "-r", "20", "-nostdin"]
    assert "Successful call" in client(bed, *call, f"{address}:5060")


def accepts(bed, address, port):
    try:
        bed.connect(address, port).close()
    except RefusedError:
        return False
    return True
