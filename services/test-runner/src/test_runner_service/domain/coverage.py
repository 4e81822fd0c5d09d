"""Coverage reports: Cobertura XML, as coverage.py and many others write it.

Format: http://cobertura.sourceforge.net/xml/coverage-04.dtd; `line-rate` is a fraction.
"""

from io import BytesIO

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from penstock_shared.errors import PenstockError

LARGEST_REPORT = 20 * 1024 * 1024
"""Bytes."""


class ReportError(PenstockError):
    """A gate's report cannot be used. The text is the reason."""


def refuse_large(size: int, name: str) -> None:
    """Raises ReportError for a report of so many bytes that it should not be read."""
    if size > LARGEST_REPORT:
        raise ReportError(f"{name} has {size} bytes; the limit is {LARGEST_REPORT}")


def shortfall(report: bytes, name: str, minimum: float) -> str:
    """Why the report of that name does not reach the minimum, in percent; empty if it does.

    Raises ReportError when it is not a coverage report.
    """
    rate = line_rate(report, name)
    return "" if rate >= minimum else f"coverage is {rate:.1f} %, the minimum is {minimum:g} %"


def line_rate(report: bytes, name: str) -> float:
    """The share of lines that were run, in percent. Raises ReportError."""
    refuse_large(len(report), name)
    try:
        # The rate is in the first tag. The elements of the whole report take 25 times its size.
        _, root = next(iterparse(BytesIO(report), events=("start",)))
        return float(root.attrib["line-rate"]) * 100
    except (ParseError, DefusedXmlException, ValueError, KeyError, StopIteration) as error:
        raise ReportError(f"{name} is no Cobertura coverage report: {error}") from error
