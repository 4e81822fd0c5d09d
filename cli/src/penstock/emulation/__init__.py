"""Runs ministack, the emulator, with durable state and short delays between services.

This package runs on the emulator's own interpreter (`.tools/emulator`), which has no other code of
Penstock's: it imports only itself, the standard library, ministack and the server. It patches
private names of ministack, so requirements/emulator.in pins ministack exactly. Every such patch is
in this package, with its reason.
"""
