"""Archives: written reproducibly, read without trust."""
