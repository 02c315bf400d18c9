"""YAML that people write: read with the place of every value (`reading`), checked against a model (`checking`)."""
