"""Times, as people say them."""

from datetime import UTC, datetime, timedelta


def span(length: timedelta) -> str:
    """A length of time in at most two units: `420 ms`, `3.2 s`, `1 min 04 s`, `2 h 05 min`."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def lasted(began: datetime | None, ended: datetime | None, now: datetime) -> str:
    """How long something took, or has been taking; empty if it did not begin."""
    return span((ended or now) - began) if began else ""


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in one unit: `now`, `40 s ago`, `3 min ago`, `2 h ago`, `5 d ago`."""
    seconds = (now - moment).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago" if seconds >= 1 else "now"


def clock_time(moment: datetime) -> str:
    """The time of day in UTC, with seconds."""
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def full_time(moment: datetime) -> str:
    """Date and time in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
