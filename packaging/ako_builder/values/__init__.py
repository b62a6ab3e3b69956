"""Values files: what they mean to this chart, and what Helm would make of them."""
