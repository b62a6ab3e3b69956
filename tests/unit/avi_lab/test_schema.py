"""The compact schema: what the script derives, and what versions see of it."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support.data_folder import test_data

from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.schema import Field, exists_in, load_schema, parse_version, version_of

ROOT = Path(__file__).parents[3]
SCHEMA = load_schema()


def test_the_shipped_schema_is_what_the_script_derives():
    folder = test_data("avi-swagger-30.2.1")
    derived = subprocess.run([sys.executable, ROOT / "scripts" / "avi-schema", folder], capture_output=True, check=True)
    assert derived.stdout == (ROOT / "ako_lab" / "avi_controller" / "schema.json").read_bytes()


def test_defaults_and_references_are_consistent():
    for name, message in SCHEMA.messages.items():
        assert set(message.required) <= message.fields.keys(), name
        for field in message.fields.values():
            assert field.type in {"b", "s", "i32", "u32", "i64", "u64", "f"} or field.type in SCHEMA.messages
            if field.default is not None and field.enum:
                assert field.default in field.enum
            if field.reference:
                assert SCHEMA.type_name(field.reference.lower())


@pytest.mark.parametrize(
    ("model", "field", "default"),
    [
        ("Pool", "graceful_disable_timeout", 1),
        ("Pool", "append_port", "NON_DEFAULT_80_443"),
        ("Pool", "server_timeout", 0),
        ("Vip", "auto_allocate_ip", False),
        ("HealthMonitor", "send_interval", 10),
        ("HTTPRedirectAction", "status_code", "HTTP_REDIRECT_STATUS_CODE_302"),
        ("VirtualService", "enable_rhi", None),
        ("VirtualService", "weight", 1),
    ],
)
def test_known_defaults(model, field, default):
    assert SCHEMA.messages[model].fields[field].default == default


def test_every_type_of_the_catalogue_is_there():
    catalogue = [
        "virtualservice",
        "vsvip",
        "pool",
        "poolgroup",
        "httppolicyset",
        "l4policyset",
        "vsdatascriptset",
        "sslkeyandcertificate",
        "pkiprofile",
        "stringgroup",
        "applicationpersistenceprofile",
        "vrfcontext",
        "serviceenginegroup",
        "cloud",
        "network",
        "ipamdnsproviderprofile",
        "healthmonitor",
        "applicationprofile",
        "networkprofile",
        "sslprofile",
        "analyticsprofile",
        "wafpolicy",
        "errorpageprofile",
        "ssopolicy",
        "authprofile",
        "icapprofile",
        "botdetectionpolicy",
        "trafficcloneprofile",
        "networksecuritypolicy",
        "securitypolicy",
        "tenant",
        "role",
        "user",
    ]
    assert [name for name in catalogue if name not in SCHEMA.types or SCHEMA.types[name].open] == []
    assert SCHEMA.type_name("botpolicy") == "botdetectionpolicy"
    assert SCHEMA.type_name("nonsense") is None


@pytest.mark.parametrize(
    ("introduced", "version", "there"),
    [
        ((), "15.2", True),
        (("20.1.3",), "20.1.2", False),
        (("20.1.3",), "20.1.3", True),
        (("18.2.10", "20.1.2"), "20.1.1", False),
        (("18.2.10", "20.1.2"), "18.2.10", True),
        (("18.2.10", "20.1.2"), "18.2.9", False),
        (("18.2.10", "20.1.2"), "21.1.1", True),
        (("17.2.9", "18.1.2"), "18.1.1", False),
    ],
)
def test_branches_of_releases(introduced, version, there):
    assert exists_in(Field(type="s", introduced=introduced), version_of(version)) is there


def test_versions():
    assert parse_version("16_4_2", newest="30.2.1") == (16, 4, 2)
    for text in ("", "x", "30.2.2", "99", "15.1", "1" * 50, "30.2.1\n"):
        with pytest.raises(Refusal):
            parse_version(text, newest="30.2.1")


def test_prose_becomes_facts():
    script = runpy.run_path(str(ROOT / "scripts" / "avi-schema"))
    text = (
        "How long. Allowed values are 1-300. Special values are 0 - Immediate, -1 - Never. Unit is MIN. Field "
        "introduced "
        "in 18.1.5,18.2.1. Allowed in Enterprise edition with any value, Essentials edition(Allowed values- 0), Basic, "
        "Enterprise with Cloud Services edition. Special default for Essentials edition is 0, Enterprise is 10."
    )
    facts = script["facts_of"]("Pool", "x", {"type": "integer", "format": "int32", "default": 10, "description": text})
    assert facts == {
        "t": "i32",
        "r": [[1, 300], [0, 0], [-1, -1]],
        "v": ["18.1.5", "18.2.1"],
        "d": 10,
        "tier": {"ESSENTIALS": ["0"], "BASIC": "*"},
        "td": {"ESSENTIALS": 0},
    }
