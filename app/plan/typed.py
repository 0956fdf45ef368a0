"""Numbers as people type them: read exactly, or refused with what to write instead."""

import re
from decimal import Context, Decimal
from typing import Final

_MONEY: Final = re.compile(r"^(?:[A-Z]{3}\b|[€$£¥]|zł|Kč)\s*|\s*(?:\b[A-Z]{3}|[€$£¥]|zł|Kč)$")
_BLANKS: Final = re.compile(r"[ \u00a0\u202f\u2009']")
_PLAIN: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_GROUPS: Final = re.compile(r"[+-]?\d{1,3}([ \u00a0\u202f\u2009']\d{3})+([.,]\d*)?")
_COMMA_GROUPS: Final = re.compile(r"[+-]?\d{1,3}(,\d{3}){2,}|[+-]?\d{1,3}(,\d{3})+\.\d*")
_POINT_GROUPS: Final = re.compile(r"[+-]?\d{1,3}(\.\d{3}){2,}|[+-]?\d{1,3}(\.\d{3})+,\d*")
_COMMA: Final = re.compile(r"([+-]?\d*),(\d+)")
_LONGEST: Final = 60
_EXACT: Final = Context(prec=200)


def read_number(text: str) -> Decimal | str:
    """A number with comma or point, separators between thousands, and a currency around it.

    Returns:
        The number, or why there is none.

    Example:
        >>> read_number("€ 0,10"), read_number("1 000"), read_number("1.250.000,5 EUR")
        (Decimal('0.10'), Decimal('1000'), Decimal('1250000.5'))
        >>> read_number("1,250")
        'could be read in two ways; write 1250 or 1.250'
    """
    said = _MONEY.sub("", text.strip()).strip()
    if len(said) > _LONGEST:
        return "is too long for a number"
    if _GROUPS.fullmatch(said):
        said = _BLANKS.sub("", said).replace(",", ".")
    elif _COMMA_GROUPS.fullmatch(said):
        said = said.replace(",", "")
    elif _POINT_GROUPS.fullmatch(said):
        said = said.replace(".", "").replace(",", ".")
    elif comma := _COMMA.fullmatch(said):
        whole, part = comma.groups()
        if len(part) == 3 and whole.lstrip("+-0"):
            return f"could be read in two ways; write {whole}{part} or {whole}.{part}"
        said = f"{whole or '0'}.{part}"
    if not (said.isascii() and _PLAIN.fullmatch(said)):
        return "is not a number; write it with digits, such as 1250 or 0.10"
    return Decimal(said)


def read_percent(text: str) -> Decimal | str:
    """A share, typed in per cent.

    Returns:
        The share, or why there is none.

    Example:
        >>> read_percent("45"), read_percent("2,5 %"), read_percent("0.45")
        (Decimal('0.45'), Decimal('0.025'), 'is it 45 % or 0.45 %? Write it with the sign')
    """
    said = text.strip()
    number = read_number(said.removesuffix("%"))
    if isinstance(number, str):
        return (
            "is not a percentage; write it like 45 or 2.5" if "two ways" not in number else number
        )
    if 0 < abs(number) <= 1 and not said.endswith("%"):
        ways = f"{plain_number(number * 100)} % or {plain_number(number)} %"
        return f"is it {ways}? Write it with the sign"
    return _EXACT.scaleb(number, -2)


def read_whole(text: str) -> int | str:
    """A whole number.

    Returns:
        The number, or why there is none.

    Example:
        >>> read_whole("12 000"), read_whole("2.5")
        (12000, 'is not a whole number')
    """
    number = read_number(text)
    if isinstance(number, str):
        # Nothing that is counted has three decimals.
        number = read_number(text.replace(",", "")) if "two ways" in number else number
    if isinstance(number, str):
        return number
    return int(number) if number == number.to_integral_value() else "is not a whole number"


def write_percent(share: Decimal) -> str:
    """A share as `read_percent` reads it back.

    Example:
        >>> write_percent(Decimal("0.45")), write_percent(Decimal("0.005"))
        ('45', '0.5 %')
    """
    number = _EXACT.scaleb(share, 2)
    return f"{plain_number(number)} %" if 0 < abs(number) <= 1 else plain_number(number)


def plain_number(number: Decimal) -> str:
    """A number in digits, no zeros behind that say nothing.

    Example:
        >>> plain_number(Decimal("1250.50")), plain_number(Decimal("1E+3"))
        ('1250.5', '1000')
    """
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
