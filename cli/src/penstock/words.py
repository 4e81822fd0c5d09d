"""Times and states in words."""

from datetime import UTC, datetime, timedelta

from penstock.flows import moment

_MARKS = {
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "timed-out": ("✗", "red"),
    "lost": ("✗", "red"),
    "aborted": ("■", "red"),
    "cancelled": ("■", "red"),
    "superseded": ("»", "magenta"),
    "running": ("●", "blue"),
    "baking": ("◔", "yellow"),
    "rolled-back": ("↩", "yellow"),
    "waiting": ("○", "bright_black"),
    "skipped": ("–", "bright_black"),
    "not-run": ("–", "bright_black"),
}


def mark_of(state: str) -> str:
    """The mark of a state, one column wide."""
    return _MARKS.get(state, ("?", ""))[0]


def colour_of(state: str) -> str:
    """The colour of a state, by its name in rich."""
    return _MARKS.get(state, ("", "default"))[1]


def span(length: timedelta) -> str:
    """A duration: `420 ms`, `3.2 s`, `1 min 04 s`, `2 h 05 min`."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def lasted(began: str | None, ended: str | None, now: datetime) -> str:
    """How long something took, or has taken by `now`; empty if it has not begun."""
    start = moment(began)
    return span((moment(ended) or now) - start) if start else ""


def ago(text: str, now: datetime) -> str:
    """How long ago a timestamp of the API is, in one unit."""
    seconds = (now - (moment(text) or now)).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def clock_time(text: str) -> str:
    """The local time of day of a timestamp of the API."""
    at = moment(text)
    return at.astimezone().strftime("%H:%M:%S") if at else ""


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)
