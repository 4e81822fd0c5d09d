"""Runs ministack, the emulator, so that what it holds survives and its hops are quick.

A package for the emulator's own interpreter (`.tools/emulator`), which has nothing of Penstock's in
it: it imports nothing but itself, the standard library, ministack and the server. It reaches into
ministack's modules, whose names are private, so requirements/emulator.in pins ministack exactly;
every reach is in here, with its reason.
"""
