"""Snapshots, restores, state files, comparison, and the commands around them."""

import datetime as dt
import json
import sqlite3

import pytest
from click.testing import CliRunner
from support.avi_lab.client import Client
from support.avi_lab.core import Core

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.cli import avi
from ako_lab.avi_controller.comparison import differences, load_state
from ako_lab.avi_controller.config import load_config, parse_config
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.state import restore, snapshot
from ako_runtime.errors import UserError

VIP = {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True}], "dns_info": [{"fqdn": "a.lab.example.com"}]}


def test_a_restored_lab_is_the_same_lab():
    one = Core()
    one.create("vsvip", VIP)
    one.create("virtualservice", {"name": "s", "vsvip_ref": "/api/vsvip?name=v", "services": [{"port": 80}]})
    one.create("virtualservice", {"name": "t", "vip": [{"vip_id": "0", "auto_allocate_ip": True}]})
    one.call("POST", "/api/user-token", {"hours": 1})
    document = json.loads(json.dumps(snapshot(one.controller)))
    two = Core()
    restore(two.controller, document)
    two.login()
    assert snapshot(two.controller) == document
    assert two.controller.ipam.holders == one.controller.ipam.holders
    assert two.controller.dns.holders == one.controller.dns.holders
    assert two.call("POST", "/api/vsvip", {**VIP, "name": "w"}).status == 400
    again = {"name": "u", "vsvip_ref": "/api/vsvip?name=v", "services": [{"port": 80}]}
    assert two.call("POST", "/api/virtualservice", again).status == 400
    inline = two.read("/api/virtualservice?name=t")["results"][0]
    assert two.call("DELETE", f"/api/virtualservice/{inline['uuid']}").status == 204
    assert two.read("/api/vsvip")["count"] == 1


@pytest.mark.parametrize(
    "document", [{}, {"format": 1, "objects": {"x/y": {}}}, {"format": 1, "objects": {}}, {"format": 9}]
)
def test_what_is_no_snapshot_changes_nothing(document):
    core = Core()
    before = snapshot(core.controller)
    with pytest.raises(Refusal):
        restore(core.controller, document)
    assert snapshot(core.controller) == before


def test_state_over_http_and_from_python():
    with AviLab() as lab, Client(lab) as client:
        empty = client.get("/lab/state").json
        assert empty == lab.snapshot()
        client.created("pool", {"name": "p"})
        assert client.put("/lab/state", empty).status == 204
        assert client.put("/lab/state", {"format": 2}).status == 400
        client.login("admin", "admin")
        assert client.get("/api/pool").json["count"] == 0
        lab.restore(empty)
        assert lab.snapshot()["objects"] == empty["objects"]


def test_a_state_file_survives_a_restart_and_a_kill(tmp_path):
    path = tmp_path / "lab.state"
    config = LabConfig(state_file=str(path))
    with AviLab(config) as lab, Client(lab) as client:
        client.created("vsvip", VIP)
        pool = client.created("pool", {"name": "p"})
        client.created("pool", {"name": "gone"})
        client.delete(f"/api/pool/{client.get('/api/pool?name=gone').json['results'][0]['uuid']}")
        client.put("/api/useraccount", {"old_password": "admin", "password": "new"})
        before = lab.snapshot()
        # What a killed process leaves behind is the file and its log, as they are now.
        copy = tmp_path / "copy.state"
        for suffix in ("", "-wal"):
            (tmp_path / f"copy.state{suffix}").write_bytes((tmp_path / f"lab.state{suffix}").read_bytes())
    for survivor in (path, copy):
        with AviLab(LabConfig(state_file=str(survivor))) as lab, Client(lab, password="new") as client:
            assert lab.snapshot() == before
            assert client.get(f"/api/pool/{pool['uuid']}").status == 200
            assert "already registered" in client.post("/api/vsvip", {**VIP, "name": "w"}).json["error"]


def test_texts_that_look_like_references_come_back():
    core = Core()
    texts = ["ref:pool/x", "text:ref:", "ref:", "text: a", "plain"]
    made = [core.create("pool", {"name": f"p{number}", "description": text}) for number, text in enumerate(texts)]
    core.fresh = json.loads(json.dumps(snapshot(core.controller)))
    core.reset()
    assert [core.read(f"/api/pool/{pool['uuid']}")["description"] for pool in made] == texts


def test_a_snapshot_with_a_reference_to_nothing_is_refused():
    core = Core()
    core.create("pool", {"name": "p"})
    document = snapshot(core.controller)
    vrf = next(key for key in document["objects"] if key.startswith("vrfcontext/"))
    del document["objects"][vrf]
    with pytest.raises(Refusal, match="which is not in the snapshot"):
        restore(core.controller, document)
    assert core.read("/api/pool")["count"] == 1


def test_clients_that_trust_a_lab_trust_it_after_its_restart(tmp_path):
    config = LabConfig(state_file=str(tmp_path / "s"))
    with AviLab(config) as lab:
        first = lab.certificate_pem
    with AviLab(config) as lab:
        assert lab.certificate_pem == first
    # Another address needs another certificate.
    with AviLab(LabConfig(state_file=str(tmp_path / "s"), host="127.0.0.2")) as lab:
        assert lab.certificate_pem != first
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_the_state_wins_over_the_configuration(tmp_path):
    path = str(tmp_path / "s")
    with AviLab(LabConfig(state_file=path)) as lab, Client(lab) as client:
        client.put("/api/useraccount", {"old_password": "admin", "password": "new"})
        assert lab.password == "new"
    with AviLab(LabConfig(state_file=path, password="other", tenants=("blue",))) as lab:
        assert lab.password == "new"
        assert [tenant["name"] for tenant in lab.objects("tenant")] == ["admin"]
    with pytest.raises(UserError, match="has no user 'ops'"):
        AviLab(LabConfig(state_file=path, username="ops"))
    AviLab(LabConfig(state_file=path)).close()


def test_one_lab_at_a_time_uses_a_state_file(tmp_path):
    config = LabConfig(state_file=str(tmp_path / "s"))
    with AviLab(config) as lab, Client(lab) as client:
        with pytest.raises(UserError, match="another lab uses this state file"):
            AviLab(config)
        client.created("pool", {"name": "p"})
    with AviLab(config) as lab:
        assert [pool["name"] for pool in lab.objects("pool")] == ["p"]


def _other_database(path, *statements):
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def test_files_that_are_no_state_files(tmp_path):
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be taken for one" * 20)
    _other_database(tmp_path / "foreign", "CREATE TABLE objects (id INTEGER)", "INSERT INTO objects VALUES (1)")
    table = "CREATE TABLE objects (key TEXT PRIMARY KEY, place INTEGER NOT NULL, body BLOB NOT NULL)"
    _other_database(tmp_path / "odd", table, "INSERT INTO objects VALUES ('a/b', 1, 'nonsense')")
    _other_database(tmp_path / "part", table, "INSERT INTO objects VALUES ('pool/b', 1, '{}')")
    for name, said in [
        ("text", "not usable as a state file"),
        ("foreign", "not the state of a lab"),
        ("odd", "not the state of a lab"),
        ("part", "the tenant admin or the system configuration is missing"),
        ("none/s", "not usable as a state file"),
    ]:
        with pytest.raises(UserError, match=said):
            AviLab(LabConfig(state_file=str(tmp_path / name)))


def test_differences_are_told_by_name():
    one, two = Core(), Core(LabConfig(seed=2))
    for core in (one, two):
        core.create("pool", {"name": "same", "health_monitor_refs": ["/api/healthmonitor?name=System-TCP"]})
    assert differences(snapshot(one.controller)["objects"], snapshot(two.controller)["objects"]) == []
    one.create("pool", {"name": "old"})
    two.create("pool", {"name": "new"})
    same = two.read("/api/pool?name=same")["results"][0]
    two.call("PATCH", f"/api/pool/{same['uuid']}", {"replace": {"default_server_port": 81}})
    rows = differences(snapshot(one.controller)["objects"], snapshot(two.controller)["objects"])
    assert [(row["change"], row["name"], row["detail"]) for row in rows] == [
        ("added", "new (admin, Default-Cloud)", ""),
        ("removed", "old (admin, Default-Cloud)", ""),
        ("changed", "same (admin, Default-Cloud)", "default_server_port: 80 -> 81"),
    ]


def test_certificates_and_items_of_lists_are_compared():
    one, two = Core(), Core(LabConfig(seed=2))
    servers = [{"ip": {"addr": f"10.0.0.{number}", "type": "V4"}, "port": 80} for number in (1, 2, 3)]
    for core, host, count in ((one, "a.example.com", 2), (two, "b.example.com", 3)):
        certificate, _ = self_made_certificate(host, now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        core.create("sslkeyandcertificate", {"name": "c", "certificate": {"certificate": certificate}})
        core.create("pool", {"name": "p", "servers": servers[:count]})
    rows = differences(snapshot(one.controller)["objects"], snapshot(two.controller)["objects"])
    details = [row["detail"] for row in rows if row["type"] == "pool"]
    assert len(details) == 1
    assert details[0].startswith('servers: {"ip": {"addr": "10.0.0.3"')
    assert details[0].endswith("is new")
    changed = [row["detail"] for row in rows if row["type"] == "sslkeyandcertificate"]
    assert 'certificate.subject.common_name: "a.example.com" -> "b.example.com"' in changed
    assert {row["name"] for row in rows} == {"c (admin)", "p (admin, Default-Cloud)"}


def test_the_diff_command(tmp_path):
    core = Core()
    (tmp_path / "a.json").write_text(json.dumps(snapshot(core.controller)))
    core.create("pool", {"name": "new"})
    (tmp_path / "b.json").write_text(json.dumps(snapshot(core.controller)))
    runner = CliRunner()
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    same = runner.invoke(avi, ["diff", paths[0], paths[0]])
    assert (same.exit_code, same.output) == (0, "no differences\n")
    changed = runner.invoke(avi, ["diff", *paths, "-o", "json"])
    assert changed.exit_code == 1
    assert json.loads(changed.output)[0]["name"] == "new (admin, Default-Cloud)"
    with AviLab(LabConfig(state_file=str(tmp_path / "s"))):
        pass
    assert load_state(tmp_path / "s").keys() >= {"tenant/admin"}
    for text in ("[]", "{", '{"objects": 5}', '{"objects": {"pool/x": 5}}', "\x00"):
        (tmp_path / "c.json").write_text(text)
        refused = runner.invoke(avi, ["diff", paths[0], str(tmp_path / "c.json")], standalone_mode=False)
        assert isinstance(refused.exception, UserError), text
        assert "not a saved state" in str(refused.exception)
    (tmp_path / "c.json").write_text('{"objects": {"pool/x": {"name": [], "vrf_ref": {}}}}')
    assert runner.invoke(avi, ["diff", paths[0], str(tmp_path / "c.json")]).exit_code == 1


def test_configuration_from_yaml(tmp_path):
    text = b"""
tenants: [blue]
users:
  - {name: ann, password: secret, grants: [{role: Tenant-Admin, tenant: blue}]}
clouds:
  - name: Default-Cloud
    kind: CLOUD_NSXT
    dnsDomains: [example.com]
    networks:
      - {name: front, subnets: [{prefix: 10.1.0.0/24, begin: 10.1.0.5, end: 10.1.0.9}]}
objects:
  - {type: pool, tenant: blue, data: {name: seeded}}
faults:
  - {path: /api/pool, status: 503, count: 1}
"""
    path = tmp_path / "lab.yaml"
    path.write_bytes(text)
    with AviLab(load_config(path)) as lab, Client(lab, user="ann", password="secret", tenant="blue") as client:
        assert client.get("/api/pool").status == 503
        assert client.get("/api/pool").json["results"][0]["name"] == "seeded"
    with pytest.raises(UserError, match="unknown field `tenents`"):
        parse_config(b"tenents: []", source="x")
    with pytest.raises(UserError, match="not a regular expression"):
        parse_config(b"faults: [{path: '('}]", source="x")
    with pytest.raises(UserError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="seed pool 'x': error: Invalid enum value"):
        AviLab(parse_config(b"objects: [{type: pool, data: {name: x, lb_algorithm: Y}}]", source="x"))
    with pytest.raises(UserError, match="there is no type 'nonsense'"):
        AviLab(parse_config(b"objects: [{type: nonsense, data: {}}]", source="x"))


@pytest.mark.parametrize(
    "text",
    [
        b"floatingPrefix: nonsense", b"floatingPrefix: 10.0.0.0/31", b"version: latest", b"port: 70000", b"port: -1",
        b"sessionIdleSeconds: 0", b"maximumBodyBytes: -5", b"requestLogSize: -1", b"importErrorStatus: 200",
        b"faults: [{count: -1}]", b"- a list", b"a: b: c", b"clouds: [{kind: CLOUD_NINE}]", b"a: \xff",
    ],
)  # fmt: skip
def test_a_mistake_in_a_configuration_is_one_sentence(text):
    with pytest.raises(UserError, match=r"^lab\.yaml: .+; correct the file$") as refused:
        parse_config(text, source="lab.yaml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        b"licenseTier: GOLD", b"users: [{name: a, password: b, grants: [{role: none}]}]", b"tenants: [blue, blue]",
        b"clouds: [{networks: [{name: n, vrf: none}]}]", b"clouds: [{networks: [{name: n, subnets: [{prefix: x}]}]}]",
        b"clouds: [{networks: [{name: n, subnets: [{prefix: 10.0.0.0/24, begin: y}]}]}]",
        b"roles: [{name: r, privileges: {PERMISSION_NONE: READ_ACCESS}}]",
        b"objects: [{type: pool, tenant: none, data: {name: p}}]", b"clouds: [{name: a}, {name: a}]",
        b"host: 256.1.1.1", b'host: "\\u00fc"',
    ],
)  # fmt: skip
def test_a_lab_that_cannot_be_is_one_sentence(text):
    with pytest.raises(UserError, match=r"^[^\n]+; (correct the configuration|[^\n]+)$"):
        AviLab(parse_config(text, source="lab.yaml"))


def test_a_port_in_use_is_told(tmp_path):
    with AviLab() as lab, pytest.raises(UserError, match="cannot listen"):
        AviLab(LabConfig(port=int(lab.host.partition(":")[2])))
