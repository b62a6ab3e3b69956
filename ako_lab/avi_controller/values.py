"""The few words that all modules share: JSON values, documents, and the mark of a stored reference."""

from typing import Any

# Whatever JSON can hold. The values are checked by the schema, not by Python's types.
Json = Any
Document = dict[str, Json]
# In stored documents a reference is this character and the key `type/uuid` of what it refers to.
MARK = "\ue000"
