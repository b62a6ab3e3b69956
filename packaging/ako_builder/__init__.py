"""The builder: chart, CSARs and add-ons from one source."""
