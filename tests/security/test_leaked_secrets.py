"""A secret is masked as programs really write it, and not only as Python would.

What happened: a job printed its secret with `printf %q`, and the log showed all of it, with two
backslashes. The mask knew only what Python's own functions make of a value: bash escapes fewer
characters, JavaScript leaves others in an address, Go escapes more in JSON, and template engines
write a quote in five ways.
"""

import subprocess

import pytest

from penstock_runner.domain.masking import mask_of

SECRET = "Tr0ub#4d~or&3!x(y)*=~'z\"<"

AS_WRITTEN = {
    "printf %q of bash": r"Tr0ub#4d~or\&3\!x\(y\)\*=\~\'z\"\<",
    "encodeURIComponent": "Tr0ub%234d~or%263!x(y)*%3D~'z%22%3C",
    "encodeURI": "Tr0ub#4d~or&3!x(y)*=~'z%22%3C",
    "url.PathEscape of Go": "Tr0ub%234d~or&3%21x%28y%29%2A=~%27z%22%3C",
    "URLSearchParams": "Tr0ub%234d%7Eor%263%21x%28y%29*%3D%7E%27z%22%3C",
    "JSON of Go": r"Tr0ub#4d~or\u00263!x(y)*=~'z\"\u003c",
    "JSON in a page": r"Tr0ub#4d~or\u00263!x(y)*=~\u0027z\"\u003c",
    "HTML of Jinja and Go": "Tr0ub#4d~or&amp;3!x(y)*=~&#39;z&#34;&lt;",
    "HTML of JavaScript": "Tr0ub#4d~or&amp;3!x(y)*=~&#39;z&quot;&lt;",
    "HTML of PHP": "Tr0ub#4d~or&amp;3!x(y)*=~&#039;z&quot;&lt;",
    "XML": "Tr0ub#4d~or&amp;3!x(y)*=~&apos;z&quot;&lt;",
}


def masked(secret: str, printed: str) -> str:
    mask = mask_of([secret])
    assert mask is not None
    return mask.text(printed)


@pytest.mark.parametrize("printed", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_a_secret_is_masked_however_a_program_escapes_it(printed: str) -> None:
    assert masked(SECRET, f"KEY={printed};") == "KEY=***;"


@pytest.mark.parametrize("secret", [SECRET, "#a b,c{d}^e", "~first:~second", "back\\slash`tick`$"])
def test_a_secret_is_masked_as_bash_quotes_it(secret: str) -> None:
    command = ["bash", "-c", 'printf "%q " "$1" "key:$1"', "_", secret]
    ran = subprocess.run(command, capture_output=True, check=True)
    shown = masked(secret, ran.stdout.decode())
    assert shown == "*** key:*** "
