"""The library behind the official Ansible modules: create, idempotent repetition, change, check mode, removal."""

from types import SimpleNamespace

import pytest
from avi.sdk.utils.ansible_utils import avi_ansible_api
from support.avi_lab.sdk import Sdk, trusting  # noqa: F401 - a fixture

from ako_lab.avi_controller import AviLab


class Finished(Exception):  # noqa: N818 - the end of a module run, not a mishap
    def __init__(self, **result):
        super().__init__(str(result))
        self.result = result


class Module:
    """What Ansible hands to a module: parameters, check mode, and two ways to end."""

    def __init__(self, params, *, check_mode):
        self.params = params
        self.check_mode = check_mode
        self._verbosity = 0
        self._name = "avi_test"
        self._diff = False
        self.no_log_values = set()
        self.argument_spec = {}

    def exit_json(self, **result):
        raise Finished(**result)

    def fail_json(self, **result):
        raise Finished(failed=True, **result)

    def log(self, *_, **__):
        pass


def ended(module, kind):
    """The result of a module run, returned or thrown."""
    try:
        return avi_ansible_api(module, kind, set())
    except Finished as finished:
        return finished.result


@pytest.fixture
def ansible(tmp_path, trusting):  # noqa: F811 - the fixture
    with AviLab() as lab:
        sdk = Sdk(lab, tmp_path)

        def run(kind, *, check=False, state="present", **fields):
            credentials = {**sdk.arguments, "controller": sdk.arguments["controller_ip"], "timeout": 60}
            # What every module has among its parameters, unset.
            common = dict.fromkeys(("controller", "username", "password", "tenant_uuid"), "")
            unset = ("api_context", "avi_api_patch_op", "avi_patch_path", "avi_patch_value", "url", "uuid")
            params = {
                **common,
                **dict.fromkeys(unset),
                "avi_credentials": credentials,
                "api_version": "20.1.1",
                "tenant": "admin",
                "avi_api_update_method": "put",
                "avi_deactivate_session_cache_as_fact": False,
                "state": state,
                **fields,
            }
            result = ended(Module(params, check_mode=check), kind)
            assert not result.get("failed"), result
            return result

        yield SimpleNamespace(run=run, lab=lab)
        sdk.close()


def test_a_pool_and_a_virtual_service_are_idempotent(ansible):
    server = {"ip": {"addr": "10.20.0.1", "type": "V4"}, "port": 8080}
    pool = {"name": "p", "servers": [server], "health_monitor_refs": ["/api/healthmonitor?name=System-TCP"]}
    vip = {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True}]}
    service = {
        "name": "s",
        "vsvip_ref": "/api/vsvip?name=v",
        "pool_ref": "/api/pool?name=p",
        "services": [{"port": 80}],
    }
    for kind, fields in (("pool", pool), ("vsvip", vip), ("virtualservice", service)):
        assert ansible.run(kind, check=True, **fields)["changed"] is True
        assert not ansible.lab.objects(kind)
        assert ansible.run(kind, **fields)["changed"] is True
        assert ansible.run(kind, **fields)["changed"] is False
    assert ansible.run("pool", **{**pool, "default_server_port": 81})["changed"] is True
    assert ansible.lab.objects("pool")[0]["default_server_port"] == 81
    for kind, name in (("virtualservice", "s"), ("pool", "p"), ("vsvip", "v")):
        assert ansible.run(kind, state="absent", name=name)["changed"] is True
        assert not ansible.lab.objects(kind)
        assert ansible.run(kind, state="absent", name=name)["changed"] is False
