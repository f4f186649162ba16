"""Error bodies posing as data: texts that are, as a whole, what a failed request or program left behind. Pure.

Each rule wants the whole text to be of its shape, so that prose which quotes an error passes.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.quality import ErrorBody

_LONGEST = 20_000
"""Characters. No error body is longer; parsing what is would cost time for nothing."""
_MOST_VISIBLE = 1_500
"""Characters a reader sees of an error page, at most. A page about errors has more to say."""

_PHRASE = (
    r"(?:bad request|unauthorized|forbidden|access denied|not found|method not allowed|request time-?out|"
    r"too many requests|internal server error|not implemented|bad gateway|service (?:temporarily )?unavailable|"
    r"gateway time-?out|web server is down|connection timed out|application error|origin is unreachable)"
)
_STATUS = re.compile(
    rf"(?:http(?:/[\d.]+)? )?(?:error:? ?)?[45]\d\d(?:[ :|,–—-]+(?:error[ :]*)?{_PHRASE})?\W*|{_PHRASE}\W*", re.I
)
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html)\b", re.I | re.S)
_HEADING = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1>", re.I | re.S)
_HEADING_STATUS = re.compile(rf"(?:[\w. ]+[|:–—-] ?)?(?:{_STATUS.pattern})(?:[|:–—-].*)?", re.I | re.S)
_UNSEEN = re.compile(r"<(style|script)\b.*?</\1>|<!--.*?-->|<[^>]*>", re.I | re.S)

_TEXTS = re.compile(
    rf"(?:http(?:/[\d.]+)? )?[45]\d\d {_PHRASE}\W*(?:the server didn't respond in time\.|nginx\S*)?|"
    r"upstream (?:connect error or disconnect/reset before headers|request timeout)\b.{0,200}|"
    r"stream timeout|no healthy upstream|default backend - 404|context deadline exceeded|"
    r"(?:connection |read |request |socket )?(?:timed out|timeout)\.?|e(?:timedout|connreset|connrefused)\b.{0,80}",
    re.I | re.S,
)

_ERROR_KEYS = re.compile(
    r"code|correlation_?id|details?|error|error_?(?:code|description|message)|errors|exception|fault|instance|message|"
    r"msg|path|reason|request_?id|retryable|stack|stacktrace|status|status_?code|success|timeout|timestamp|title|trace|"
    r"trace_?id|type"
)
_SAYS_ERROR = ("error", "errors", "fault", "exception", "errormessage", "error_description", "timeout")
_MESSAGES = ("message", "detail", "msg", "reason", "title", "error", "errormessage")
_ANYWHERE = re.compile(rf"{_PHRASE}|time-?d? ?out|rate limit|unavailable|limit exceeded", re.I)

_JVM_HEAD = re.compile(
    r'(?:Exception in thread "[^"]*" )?(?:Unhandled exception\. )?(?:[\w$]+\.)*[\w$]*(?:Exception|Error|Throwable)\b.*'
)
_JVM_LINE = re.compile(
    r"\s+at \S.*|Caused by: .+|\s*\.\.\. \d+ (?:more|common frames omitted)|\s*--- End of .* ---|\s+Suppressed: .+"
)
_PYTHON_HEAD = "Traceback (most recent call last):"
_PYTHON_LINE = re.compile(
    r"\s+\S.*|[A-Za-z_][\w.]*(?:: .*)?|During handling of the above exception, another exception occurred:|"
    r"The above exception was the direct cause of the following exception:|" + re.escape(_PYTHON_HEAD)
)
_GO_HEAD = re.compile(r"(?:panic|fatal error): .+")
_GO_LINE = re.compile(
    r"goroutine \d+ \[.+\]:|\s+\S.*|[\w./*()\[\]{}-]+\(.*\)|created by .+|\[signal .+\]|exit status \d+|panic: .+"
)


def _html_error_page(text: str) -> str | None:
    if not _HTML.match(text) or len(_UNSEEN.sub("", text).strip()) > _MOST_VISIBLE:
        return None
    headings = [" ".join(_UNSEEN.sub("", found[2]).split()) for found in _HEADING.finditer(text)]
    return next((heading for heading in headings if _HEADING_STATUS.fullmatch(heading)), None)


def _http_error_json(text: str) -> str | None:
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return text if isinstance(body, dict) and _is_error(body) else None


def _is_error(body: Mapping[str, Any]) -> bool:
    known = {name.lower().replace("-", "_"): value for name, value in body.items()}
    if not known or not all(map(_ERROR_KEYS.fullmatch, known)):
        return False
    said = {name: value for name in _MESSAGES if isinstance(value := known.get(name), str)}
    if any(known.get(name) not in (None, False, "", [], {}, 0) for name in _SAYS_ERROR):
        return True
    status = next((known[name] for name in ("status", "statuscode", "status_code", "code") if name in known), None)
    failed = str(status).isdecimal() and 400 <= int(str(status)) <= 599
    titled = said.keys() == {"title"} and "code" in known  # a room, a product
    return (failed and bool(said) and not titled) or any(map(_ANYWHERE.search, said.values()))


def _http_error_text(text: str) -> str | None:
    return text if _TEXTS.fullmatch(text) else None


def _stack_trace(text: str) -> str | None:
    head, *rest = [line.rstrip() for line in text.splitlines() if line.strip()] or [""]
    if head == _PYTHON_HEAD:
        whole = len(rest) >= 2 and rest[0].lstrip().startswith("File ") and not rest[-1].startswith(" ")
        return rest[-1] if whole and all(map(_PYTHON_LINE.fullmatch, rest)) else None
    if _JVM_HEAD.fullmatch(head):
        return head if len(rest) >= 2 and all(map(_JVM_LINE.fullmatch, rest)) else None
    if _GO_HEAD.fullmatch(head):
        goes_on = any(line.startswith("goroutine ") for line in rest)
        return head if goes_on and all(map(_GO_LINE.fullmatch, rest)) else None
    return None


RULES: Final[Mapping[ErrorBody, Callable[[str], str | None]]] = {
    "html_error_page": _html_error_page,
    "http_error_json": _http_error_json,
    "http_error_text": _http_error_text,
    "stack_trace": _stack_trace,
}


def error_in(text: str, rule: ErrorBody) -> str | None:
    """The telling part of a text that is an error body by this rule; None for any other text."""
    text = text.strip("\ufeff \t\r\n")
    return RULES[rule](text) if text and len(text) <= _LONGEST else None
