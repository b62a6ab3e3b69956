"""What the official AKO 2.2.1 was given and wrote, one document a scenario (`observed` in the data folder)."""

import json

from support.data_folder import test_data


def observed(scenario):
    """The document of a scenario."""
    return json.loads(test_data("observed", f"{scenario}.json").read_text())


def case_of(document):
    """The scenario as a golden case: settings, facts, and every object of the stub that may be named."""
    environment = document["avi_environment"]
    return {
        "settings": document["settings"],
        "environment": {
            "dns_domains": sorted(environment["dns_domains"]),
            "cloud_type": environment["cloud"]["vtype"],
            "licence": environment["license"],
        },
        "references": {
            "serviceenginegroup": [group["name"] for group in environment["segs"]],
            "network": [network["name"] for network in environment["networks"]],
            **{
                kind: [
                    {
                        "name": one["name"],
                        "tenant": "admin",
                        "type": one.get("type") or one.get("profile", {}).get("type", ""),
                    }
                    for one in found
                ]
                for kind, found in environment.get("extra_objects", {}).items()
            },
        },
        "given": document["given"],
    }
