"""What our client sends, judged by code of others: the request schemas of Tacker, a life cycle manager.

The bodies are those that a whole life of an instance left in the log of the simulated TCA.
"""

import json
import subprocess

from support.csar.outside_tools import tool
from support.tca.lab import VIM, tca_lab

from ako_builder.csar.instantiate import Component, Site, instantiate_body
from ako_builder.csar.predecessor import Predecessor
from ako_builder.tca.client import TcaClient, login
from ako_builder.tca.follow import followed_operation, followed_package
from ako_builder.tca.instantiation import Change, healed, terminated, upgraded
from ako_builder.tca.session import Session
from ako_builder.web import Site as WebSite

_PROGRAM = """
import json, sys
import jsonschema
from tacker.api.schemas import vnf_packages
from tacker.sol_refactored.api.schemas import vnflcm_v2
schemas = {
    "vnf_packages": vnf_packages.create,
    "vnf_instances": vnflcm_v2.CreateVnfRequest_V200,
    "instantiate": vnflcm_v2.InstantiateVnfRequest_V200,
    "terminate": vnflcm_v2.TerminateVnfRequest_V200,
    "change_vnfpkg": vnflcm_v2.ChangeCurrentVnfPkgRequest_V200,
    "heal": vnflcm_v2.HealVnfRequest_V200,
}
faults = {
    name: ["/".join(map(str, error.path)) for error in jsonschema.Draft4Validator(schemas[name]).iter_errors(body)]
    for name, body in json.load(sys.stdin).items()
}
json.dump(faults, sys.stdout)
"""
_JUDGED = ("vnf_packages", "vnf_instances", "instantiate", "heal", "change_vnfpkg", "terminate")


def test_tacker_knows_every_request_but_for_the_vendors_list_of_vims(tmp_path):
    python = tool("AKO_TACKER_PYTHON")
    (tmp_path / "p.csar").write_text("{}")
    with tca_lab(tmp_path, upgrades=("change_vnfpkg",)) as lab:
        live(lab, tmp_path)
        bodies = {
            name: json.loads(item.body)
            for item in lab.requests()
            if item.method == "POST" and (name := item.path.rpartition("/")[2]) in _JUDGED
        }
    assert set(bodies) == set(_JUDGED)
    spoilt = {name: judged(python, {name: {**body, key: 3}})[name] for name, body, key in wrong(bodies)}
    assert all(spoilt.values()), spoilt
    assert judged(python, bodies) == {**{key: [] for key in _JUDGED}, "instantiate": ["vimConnectionInfo"]}


def live(lab, folder):
    """Push, create, instantiate, heal, upgrade and terminate."""
    token = login(WebSite(lab.url), username=lab.username, password=lab.password)
    client = TcaClient(Session(url=lab.url, token=token))
    package = client.create_package("p")
    assert client.upload(package, folder / "p.csar", form="raw", progress=None).status == 202
    package = followed_package(client, package, timeout=30)
    instance = client.create_instance("lb", vnfd_id=package.vnfd_id)
    site = Site(namespace="n", repo_url=lab.registry, helm_name="ako", vim=VIM, node_pool="np")
    body = instantiate_body((Component(vdu="akovdu", chart="ako"),), site=site, values=b"a: 1\n", plain=False)
    begun = client.instantiate(instance, body).headers["location"].rpartition("/")[2]
    followed_operation(client, begun, timeout=30)
    begun = healed(client, client.instance(instance.id), cause="a drill").operation
    followed_operation(client, begun, timeout=30)
    (folder / "p.csar").write_text('{"software_version": "2"}')
    newer = client.create_package("p2")
    assert client.upload(newer, folder / "p.csar", form="raw", progress=None).status == 202
    followed_package(client, newer, timeout=30)
    mine = Predecessor(
        path="p.csar",
        invariant_id="",
        vdu="akovdu",
        tca=True,
        descriptor_id=package.vnfd_id,
        provider=package.provider,
        product=package.product,
        version="2",
        descriptor_version=package.descriptor_version,
    )
    change = Change(values=b"a: 2\n", rollback=True, plain=False)
    begun = upgraded(
        client,
        client.instance(instance.id),
        mine=mine,
        components=(Component(vdu="akovdu", chart="ako"),),
        change=change,
    )
    followed_operation(client, begun.operation, timeout=30)
    ended = terminated(client, client.instance(instance.id), graceful=5)
    followed_operation(client, ended.operation, timeout=30)


def wrong(bodies):
    """Each body with a member that must be refused, so that the judge is seen to judge."""
    keys = {
        "vnf_packages": "userDefinedData",
        "vnf_instances": "vnfdId",
        "instantiate": "flavourId",
        "terminate": "terminationType",
        "heal": "cause",
        "change_vnfpkg": "vnfdId",
    }
    return [(name, bodies[name], key) for name, key in keys.items()]


def judged(python, bodies):
    """Where each body is wrong, by Tacker's schemas."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _PROGRAM],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)
