"""Lambda entry points: parse, call one use case, translate errors."""
