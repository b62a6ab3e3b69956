"""The reference page of annotations and labels names exactly those that the runtime knows."""

import re
from pathlib import Path

from ako_runtime.resources.marks import INGRESS_MARKS
from ako_runtime.resources.meta import OWN_DOMAIN, READ_ANNOTATIONS
from ako_runtime.translate.unknown_annotations import READ

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/reference/annotations.md"
KEY = r"(?:[a-z0-9-]+\.)+(?:com|io|org)/[A-Za-z][A-Za-z0-9._-]*"
# Values and keys of other places that look like annotations.
OTHERS = {
    # The name by which classes and Services choose this controller.
    "ako.vmware.com/avi-lb",
    # Conditions.
    "ako.vmware.com/Accepted",
    "ako.vmware.com/Ready",
    # The label by which an EndpointSlice belongs to its Service.
    "kubernetes.io/service-name",
}
# Kept while decoding for a platform whose objects are not served.
KEPT_ONLY = {"networking.vmware.com/lb-vip-type"}
# Written in two parts in the code: a prefix and a name.
LABELS = {"ako.vmware.com/gateway-name", "ako.vmware.com/gateway-namespace"}
BARE = {"nodeportlocal.antrea.io", "AviObjectDeletionStatus"}


def known():
    found = set()
    for path in sorted((ROOT / "ako_runtime").rglob("*.py")):
        found |= set(re.findall(rf'"({KEY})"', path.read_text()))
    found = {key for key in found if not re.fullmatch(r".*/v\d\w*", key)}
    return (found - OTHERS - KEPT_ONLY) | LABELS | BARE


def documented():
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text(), flags=re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`([^`]+)`", row)}


def test_every_known_annotation_and_label_has_a_row_and_every_row_is_known():
    assert documented() == known()


def test_keys_that_are_read_are_kept_while_decoding():
    others = LABELS | {"node.kubernetes.io/exclude-from-external-load-balancers", "AviObjectDeletionStatus"}
    kept = {key for key in known() if OWN_DOMAIN in key or key.startswith(READ_ANNOTATIONS)}
    assert known() - others - kept == set()


def test_each_key_of_our_domain_that_is_read_at_services_and_ingresses_is_one_to_be_meant():
    rows = re.findall(r"^\| (`[^|]+) \| (?:Service|Ingress) \|", PAGE.read_text(), flags=re.MULTILINE)
    first = PAGE.read_text().partition("## Read elsewhere")[0]
    rows += re.findall(r"^\| (`[^|]+) \|", first, flags=re.MULTILINE)
    keys = {key for row in rows for key in re.findall(r"`([^`]+)`", row) if OWN_DOMAIN in key}
    written = {key for key in keys if key in INGRESS_MARKS}
    assert keys - written - LABELS == READ
