"""What a person probably meant, where a line is not valid TOML or a value not of its kind."""

import re

_DATE = re.compile(r"=\s*[\"']?(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_COMMA = re.compile(r"=\s*([+-]?\d+),(\d+)\s*(#.*)?$")
_PERCENT = re.compile(r"=\s*[\"']?(\d+(?:[.,]\d+)?)\s*%")
_CURLY = re.compile("[“”„‘’]")
_BARE_WORD = re.compile(r"^\s*([\w.-]+)\s*=\s*([^\W\d_][^\"'#]*?)\s*(#.*)?$")


def advise(line: str) -> str:
    """How to write a line that the TOML parser refused; empty where nothing comes to mind.

    Example:
        >>> advise("starts_on = 05.01.2026")
        'write dates as year-month-day without quotes, such as 2026-12-31'
        >>> advise("margin_rate = 40%")
        'write 40 % as 0.4'
        >>> advise("cost_per_treated = 2,50")
        'write 2.50, with a point'
        >>> advise("name = Service call")
        'put texts in straight quotes: name = "Service call"'
    """
    if _DATE.search(line):
        return "write dates as year-month-day without quotes, such as 2026-12-31"
    if percent := _PERCENT.search(line):
        number = float(percent[1].replace(",", "."))
        return f"write {number:g} % as {number / 100:g}"
    if comma := _COMMA.search(line):
        return f"write {comma[1]}.{comma[2]}, with a point"
    if _CURLY.search(line):
        return 'use straight quotes: "..."'
    if word := _BARE_WORD.match(line):
        return f'put texts in straight quotes: {word[1]} = "{word[2]}"'
    return ""


def explain_syntax(text: str, error: str) -> str:
    r"""The parser's complaint, with the line that it is about and how to write it.

    Example:
        >>> explain_syntax("a = 1\nb = 40%", "Expected newline (at line 2, column 7)")
        'line 2, "b = 40%": write 40 % as 0.4'
    """
    at = re.search(r"at line (\d+)", error)
    if at is None:
        return error
    number = int(at[1])
    lines = text.splitlines()
    line = lines[number - 1].strip() if number <= len(lines) else ""
    advice = advise(line)
    return f'line {number}, "{line}": {advice or error}'
