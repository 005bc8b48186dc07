"""Timestamps and durations: their text, their arithmetic, and their parts in a time zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

from runner.language.expression.evaluation import Fault
from runner.language.expression.values import MAX_INT, MIN_INT, CelDuration, Timestamp, name_of

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_MINUTES = 60
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799

# Patterns are compiled when they are first used: few expressions hold times, and every start would pay for it.
_TIMESTAMP = r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))"
_UNITS = {"h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 1_000_000, "us": 1000, "ns": 1}
_AMOUNT = r"(\d*)(?:\.(\d*))?(h|ms|m|s|us|ns)"
_DURATION = r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|ns))+)"
_LONGEST = 64
_OFFSET = r"([+-]?)(\d{1,2}):(\d\d)"
_ZONE = r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*"


def timestamp(seconds: int, nanoseconds: int = 0) -> Timestamp:
    if _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return Timestamp(seconds * SECOND + nanoseconds)
    raise Fault("the time is out of range: it must lie in the years 1 to 9999")


def moment(nanoseconds: int) -> Timestamp:
    return timestamp(*divmod(nanoseconds, SECOND))


def duration(nanoseconds: int) -> CelDuration:
    if MIN_INT <= nanoseconds <= MAX_INT:
        return CelDuration(nanoseconds)
    raise Fault("the duration is out of range: some 292 years are the most")


def parse_timestamp(text: str) -> Timestamp:
    found = re.fullmatch(_TIMESTAMP, text, re.ASCII)
    if not found:
        raise Fault("this text is not a time of RFC 3339", 'write it like "2025-01-31T08:00:00Z"')
    try:
        moment = datetime(*(int(part) for part in found.groups()[:6]), tzinfo=UTC)  # type: ignore[arg-type,misc]
        shift = _zone_offset(found[8] or "+", found[9] or "0", found[10] or "0")
    except ValueError as error:
        raise Fault(f"the time is out of range: {error}") from None
    seconds = (moment - _EPOCH - shift) // timedelta(seconds=1)
    return timestamp(seconds, int((found[7] or "0")[:9].ljust(9, "0")))


def format_timestamp(value: Timestamp) -> str:
    seconds, fraction = divmod(value.nanoseconds, SECOND)
    moment = _EPOCH.replace(tzinfo=None) + timedelta(seconds=seconds)
    return f"{moment.isoformat()}{_fraction(fraction)}Z"


def parse_duration(text: str) -> CelDuration:
    text = text.replace("\u00b5", "u").replace("\u03bc", "u")  # both letters are seen for micro
    if len(text) > _LONGEST or not re.fullmatch(_DURATION, text, re.ASCII):
        hint = 'write it like "1h30m"; a day is "24h"'
        raise Fault("this text is not a duration: its units are h, m, s, ms, us, ns", hint)
    amounts = re.findall(_AMOUNT, text, re.ASCII)
    nanoseconds = sum(_amount(whole, fraction, _UNITS[unit]) for whole, fraction, unit in amounts)
    return duration(-nanoseconds if text.startswith("-") else nanoseconds)


def _amount(whole: str, fraction: str, unit: int) -> int:
    scale: int = 10 ** len(fraction)
    return (int(whole or "0") * scale + int(fraction or "0")) * unit // scale


def format_duration(value: CelDuration) -> str:
    seconds, fraction = divmod(abs(value.nanoseconds), SECOND)
    return f"{'-' if value.nanoseconds < 0 else ''}{seconds}{_fraction(fraction)}s"


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""


def _zone_offset(sign: str, hours: str, minutes: str) -> timedelta:
    shift = timedelta(hours=int(hours), minutes=int(minutes))
    if shift >= _DAY or int(minutes) >= _MINUTES:
        raise ValueError("a time zone is less than 24:00 away from UTC")
    return -shift if sign == "-" else shift


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        if found := re.fullmatch(_OFFSET, name, re.ASCII):
            return timezone(_zone_offset(*found.groups()))
        if re.fullmatch(_ZONE, name, re.ASCII):
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - slow to load; few expressions ask for another zone than UTC

            return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        pass
    raise Fault("there is no such time zone", 'write a name such as "Europe/Rome", or an offset such as "+01:00"')


def _local(moment: Timestamp, zone: Any = "UTC") -> datetime:
    if type(zone) is not str:
        raise Fault(f"a time zone is a string, not {name_of(zone)}", 'such as "Europe/Rome" or "+01:00"')
    try:
        return (_EPOCH + timedelta(microseconds=moment.nanoseconds // 1000)).astimezone(_zone(zone))
    except OverflowError:
        raise Fault("the time is out of range in that zone: it must lie in the years 1 to 9999") from None


_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "getFullYear": lambda local: local.year,
    "getMonth": lambda local: local.month - 1,
    "getDate": lambda local: local.day,
    "getDayOfMonth": lambda local: local.day - 1,
    "getDayOfWeek": lambda local: local.isoweekday() % 7,
    "getDayOfYear": lambda local: local.timetuple().tm_yday - 1,
    "getHours": lambda local: local.hour,
    "getMinutes": lambda local: local.minute,
    "getSeconds": lambda local: local.second,
    "getMilliseconds": lambda local: local.microsecond // 1000,
}
_WHOLE: Mapping[str, Callable[[int], int]] = {
    "getHours": lambda nanoseconds: nanoseconds // _UNITS["h"],
    "getMinutes": lambda nanoseconds: nanoseconds // _UNITS["m"],
    "getSeconds": lambda nanoseconds: nanoseconds // SECOND,
    "getMilliseconds": lambda nanoseconds: nanoseconds % SECOND // _UNITS["ms"],
}
"""What is asked of a duration, which is taken for its length: the sign is put before the answer."""

GETTERS = tuple(_PARTS)


def part(getter: str, value: Any, *zone: Any) -> int:
    """One part of a timestamp, in UTC or the zone given; or a duration in a whole number of one unit."""
    if type(value) is Timestamp:
        return _PARTS[getter](_local(value, *zone))
    if type(value) is not CelDuration:
        raise Fault(f"{getter}() needs a timestamp, not {name_of(value)}", "make one of text: timestamp(x)")
    if zone or getter not in _WHOLE:
        raise Fault("a duration has no date and no time zone", "it has getHours(), getMinutes(), getSeconds()")
    whole = _WHOLE[getter](abs(value.nanoseconds))
    return whole if value.nanoseconds >= 0 else -whole
