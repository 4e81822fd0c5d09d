"""Buildbot: a master and its workers, in an environment of their own."""
