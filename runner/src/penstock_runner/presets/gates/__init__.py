"""Gate presets: a tool, found or installed in an environment of its own, and its command.

python -I -m penstock_runner.presets.gates python --tool ruff --version 0.17.6 -- ruff check .
"""
