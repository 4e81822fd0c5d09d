"""The demo: the whole product on a real project, with everything checked on the way."""
