"""Secrets of objects on the controller go to the controller and nowhere else."""

from ako_runtime.model.avi import VirtualService
from ako_runtime.model.avi_l7 import Certificate, SSLKeyAndCertificate
from ako_runtime.model.avi_sso import AppSettings, CookieKey, OAuthSettings, OAuthVsConfig
from ako_runtime.model.observed import observed_from
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.wire import builtins, encoded
from ako_runtime.plan.compare import differences
from ako_runtime.plan.describe import described, diff_lines
from ako_runtime.settings.values import SecretText

REF = Ref("virtualservice", "cluster-a--host", tenant="admin")


def service(secret, *, cksum="", key=None):
    application = AppSettings(client_id="shop", client_secret=SecretText(secret))
    login = OAuthVsConfig(
        oauth_settings=(OAuthSettings(auth_profile_ref=Ref("authprofile", "idp"), app_settings=application),),
        **({} if key is None else {"key": (CookieKey(name=key, aes_key="<sensitive>"),)}),
    )
    return VirtualService(name=REF.name, oauth_vs_config=login, service_metadata=cksum)


def held(one):
    return observed_from("virtualservice", encoded(one), tenant="admin", interned={})


def test_neither_the_text_of_an_object_nor_a_plan_shows_its_secrets():
    certificate = SSLKeyAndCertificate(
        name="cluster-a--tls", type="x", certificate=Certificate(certificate="public"), key=SecretText("private")
    )
    create = Operation(verb="create", ref=REF, wish=service("hush"))
    update = Operation(
        verb="update", ref=REF, wish=service("hush"), held=held(service("old")), fields=("oauth_vs_config",)
    )
    key = Operation(verb="create", ref=Ref("sslkeyandcertificate", "cluster-a--tls", tenant="admin"), wish=certificate)
    shown = [repr(service("hush")), repr(certificate)]
    for operation in (create, update, key):
        shown += [str(described(operation)), *diff_lines([operation])]
    text = "\n".join(shown)
    assert "shop" in text
    assert "public" in text
    for secret in ("hush", "old", "private"):
        assert secret not in text
    assert builtins(service("hush"))["oauth_vs_config"]["oauth_settings"][0]["app_settings"]["client_secret"] == "hush"
    assert builtins(certificate)["key"] == "private"


def test_a_secret_alone_is_no_difference_but_its_checksum_is():
    answered = held(service("<sensitive>", cksum="1")).content
    assert differences(service("hush", cksum="1"), answered) == ()
    assert differences(service("other", cksum="2"), answered) == ("service_metadata",)


def test_an_update_hands_the_keys_of_sessions_back():
    there = held(service("<sensitive>", cksum="1", key="made-by-the-controller"))
    assert differences(service("hush", cksum="1"), there.content) == ()
    body = Operation(verb="update", ref=REF, wish=service("hush", cksum="2"), held=there).body
    assert body["oauth_vs_config"]["key"] == [{"name": "made-by-the-controller", "aes_key": "<sensitive>"}]
    assert body["oauth_vs_config"]["oauth_settings"][0]["app_settings"]["client_secret"] == "hush"
