"""Coverage reports: Cobertura XML, as coverage.py and many others write it.

Format: http://cobertura.sourceforge.net/xml/coverage-04.dtd; `line-rate` is a fraction.
"""

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from penstock_shared.contracts.plan import Coverage
from penstock_shared.errors import PenstockError

LARGEST_REPORT = 20 * 1024 * 1024
"""Bytes."""


class ReportError(PenstockError):
    """A gate's report cannot be used. The text is the reason."""


def shortfall(report: bytes, wanted: Coverage) -> str:
    """Why the report does not reach the minimum; empty if it does.

    Raises ReportError when it is not a coverage report.
    """
    rate = line_rate(report, wanted.report)
    if rate >= wanted.minimum:
        return ""
    return f"coverage is {rate:.1f} %, the minimum is {wanted.minimum:g} %"


def line_rate(report: bytes, name: str) -> float:
    """The share of lines that were run, in percent. Raises ReportError."""
    if len(report) > LARGEST_REPORT:
        raise ReportError(f"{name} has {len(report)} bytes; the limit is {LARGEST_REPORT}")
    try:
        root = fromstring(report)
        return float(root.attrib["line-rate"]) * 100
    except (ParseError, DefusedXmlException, ValueError, KeyError) as error:
        raise ReportError(f"{name} is no Cobertura coverage report: {error}") from error
