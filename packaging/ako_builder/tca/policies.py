"""Policies of the isolation mode Restricted: from the files of `ako csar policy` into TCA, each under its name, once.

What a policy holds and that it is a draft until it is finalized is the vendor's reference (grade A). The place of the
interface is in no public source, so whoever uses it says it, as the OpenAPI files of his TCA have it; how a policy is
finalized below that place is a guess (grade D).
"""

from pathlib import Path
from typing import Final

import msgspec
import yaml

from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.tca.client import TcaClient
from ako_runtime.errors import UserError

FILES: Final = ("policy-rbac.yaml", "policy-psa.yaml")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One policy as TCA's interface takes it."""

    name: str
    description: str
    type: str
    content: str


def load_policies(folder: Path) -> tuple[Policy, ...]:
    """The policies in a folder that `ako csar policy` wrote; raises UserError if one is missing or wrong."""
    return tuple(_load(folder / name) for name in FILES)


def pushed(client: TcaClient, policy: Policy, *, place: str, finalize: bool) -> str:
    """Create the policy unless its name is there, finalize it if asked; what was done, in words."""
    found = [item for item in client.policies(place) if item.get("name") == policy.name]
    there = found[0] if found else client.create_policy(place, msgspec.to_builtins(policy))
    if found and found[0].get("content") != policy.content:
        raise UserError(f"policy {policy.name} is there with another content; delete it, or name the new one otherwise")
    said = "is there already" if found else "is created, a draft"
    if finalize and there.get("state") != "FINALIZED":
        client.finalize_policy(place, str(there.get("id") or ""))
        said += ", and finalized"
    return f"{policy.name} {said}"


def _load(path: Path) -> Policy:
    try:
        return msgspec.convert(parse_yaml(path.read_bytes()), type=Policy)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; 'ako csar policy' writes it") from error
    except (YamlProblem, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UserError(f"{path}: no policy as 'ako csar policy' writes it: {error}") from error
