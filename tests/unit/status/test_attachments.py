from ako_runtime.model.avi import Pool, VirtualService
from ako_runtime.model.stack import ObjectRef
from ako_runtime.status.attachments import Attachment, changed_attachments
from ako_runtime.translate.l4 import CrdStatus, ServiceMetadata

HOST = "foo.example.com"


def metadata(kind="", value="", sso=""):
    crd = CrdStatus(type=kind, value=value, status="ACTIVE" if value else "")
    return ServiceMetadata(hostnames=(HOST,), crd_status=crd, **({"sso_rule": sso} if sso else {})).text


def service(**rules):
    return VirtualService(name="cluster-a--x", service_metadata=metadata(**rules))


def pool(**rules):
    return Pool(name="cluster-a--p", service_metadata=metadata(**rules))


def attachment(resource, name, target=HOST):
    return Attachment(rule=ObjectRef(resource=resource, namespace="red", name=name), target=target)


def test_a_rule_that_takes_the_place_of_another_is_told_for_both():
    before, after = service(kind="HostRule", value="red/wild"), service(kind="HostRule", value="red/exact")
    assert changed_attachments([(before, after)]) == (
        (attachment("hostrules", "exact"),),
        (attachment("hostrules", "wild"),),
    )


def test_a_host_rule_and_an_sso_rule_stand_side_by_side():
    after = service(kind="HostRule", value="red/hr", sso="red/login")
    assert changed_attachments([(None, after)]) == (
        (attachment("hostrules", "hr"), attachment("ssorules", "login")),
        (),
    )


def test_an_http_rule_is_told_once_for_all_pools_of_a_path():
    ruled = pool(kind="HTTPRule", value="red/ht//api")
    assert changed_attachments([(pool(), ruled), (None, ruled)]) == (
        (attachment("httprules", "ht", f"{HOST}/api"),),
        (),
    )
    assert changed_attachments([(ruled, pool())]) == ((), (attachment("httprules", "ht", f"{HOST}/api"),))


def test_what_stays_or_goes_away_is_not_told():
    ruled = service(kind="HostRule", value="red/hr")
    assert changed_attachments([(ruled, ruled), (ruled, None), (None, None)]) == ((), ())


def test_texts_of_others_are_no_metadata():
    for text in ("", "{", "[]", '{"crd_status": 3}', '{"crd_status": {"type": "HostRule", "value": "x"}}'):
        assert changed_attachments([(None, VirtualService(name="x", service_metadata=text))]) == ((), ())
