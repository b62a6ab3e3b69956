"""The shapes in which AKO is configured, and what a setting means in each."""
