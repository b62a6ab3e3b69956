"""The subcommands of `ako` that the runtime image carries."""
