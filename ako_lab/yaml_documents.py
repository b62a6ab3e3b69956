"""YAML with JSON's types only, as Kubernetes reads it."""


def yaml_documents(text: bytes | str) -> list[object]:
    """Every non-empty document of a YAML stream, with JSON's types only."""
    import yaml  # noqa: PLC0415 - slow to import and needed for YAML alone

    class JsonTypes(yaml.SafeLoader):
        """A loader without YAML's timestamps."""

    JsonTypes.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return [document for document in yaml.load_all(text, Loader=JsonTypes) if document is not None]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
