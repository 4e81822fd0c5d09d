"""The output of the command line on streams that cannot encode every character."""

import os
import subprocess
import sys


def test_a_terminal_in_latin_1_reads_help_and_errors() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", "from penstock.app import main; main()", "--help"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"promoted release" in done.stdout
