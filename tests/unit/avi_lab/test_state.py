"""Snapshots, restores, state files, comparison, and the commands around them."""

import json

import pytest
from avi_lab_client import Client
from avi_lab_core import Core
from click.testing import CliRunner

from ako_lab.avi_controller import AviLab, LabConfig
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


def test_a_file_that_is_no_state_file(tmp_path):
    path = tmp_path / "text"
    path.write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(UserError, match="not usable as a state file"):
        AviLab(LabConfig(state_file=str(path)))


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
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(UserError, match="not a saved state"):
        load_state(tmp_path / "c.json")


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


def test_a_port_in_use_is_told(tmp_path):
    with AviLab() as lab, pytest.raises(UserError, match="cannot listen"):
        AviLab(LabConfig(port=int(lab.host.partition(":")[2])))
