"""Error bodies as gateways, frameworks and runtimes really write them; and data that only looks a little like them."""

import json

import pytest

from connectors.rows.error_bodies import RULES, error_in
from schemas.quality import ErrorBody

NGINX = """<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx/1.25.3</center>
</body>
</html>
<!-- a padding to disable MSIE and Chrome friendly error page -->"""
APACHE = """<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head>
<title>404 Not Found</title>
</head><body>
<h1>Not Found</h1>
<p>The requested URL was not found on this server.</p>
</body></html>"""
CLOUDFLARE = (
    "<!DOCTYPE html><!--[if lt IE 7]> <html> <![endif]--><html lang='en-US'><head><title>shop.example | 522: "
    "Connection timed out</title><style>"
    + "body{margin:0}"
    * 500
    + "</style></head><body><h1><span>Connection timed out</span>"
    "<span>Error code 522</span></h1></body></html>"
)
IIS = (
    "<!DOCTYPE html><html><head><title>503 - Service Unavailable</title></head><body><h2>Try later.</h2></body></html>"
)
HEROKU = (
    "<!DOCTYPE html><html><head><title>Application Error</title></head><body><iframe src='//x'></iframe></body></html>"
)
PYTHON = """Traceback (most recent call last):
  File "/srv/app/worker.py", line 41, in run
    return self.call(job)
           ^^^^^^^^^^^^^^
  File "/srv/app/client.py", line 7, in call
    raise TimeoutError("no answer")
TimeoutError: no answer

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/worker.py", line 44, in run
    raise JobFailed(job) from None
app.errors.JobFailed: 17"""
JAVA = """Exception in thread "main" org.springframework.web.client.ResourceAccessException: I/O error on GET request
\tat org.springframework.web.client.RestTemplate.doExecute(RestTemplate.java:785)
\tat com.example.sync.Feed.pull(Feed.java:52)
Caused by: java.net.SocketTimeoutException: Read timed out
\tat java.base/java.net.SocketInputStream.read(SocketInputStream.java:189)
\t... 12 more"""
NODE = """TypeError: Cannot read properties of undefined (reading 'body')
    at render (/srv/app/page.js:14:22)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"""
DOTNET = """System.NullReferenceException: Object reference not set to an instance of an object.
   at Shop.Api.Orders.Get(Int32 id) in C:\\src\\Orders.cs:line 31
   at lambda_method(Closure, Object)"""
GO = """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.main()
\t/srv/app/main.go:12 +0x1d
exit status 2"""

ERRORS: list[tuple[ErrorBody, str]] = [
    *(("html_error_page", page) for page in (NGINX, APACHE, CLOUDFLARE, IIS, HEROKU, "\ufeff\n" + NGINX.upper())),
    ("http_error_json", '{"error": "timeout"}'),
    ("http_error_json", '{"error": {"code": 500, "message": "boom", "status": "INTERNAL"}}'),
    ("http_error_json", '{"message": "Internal server error"}'),
    ("http_error_json", '{"message": "Endpoint request timed out"}'),
    ("http_error_json", '{"detail": "Not Found"}'),
    ("http_error_json", '{"timestamp":"2026-11-23","status":503,"error":"Service Unavailable","path":"/v1/x"}'),
    ("http_error_json", '{"type":"about:blank","title":"Bad Gateway","status":502,"instance":"/v1/x"}'),
    ("http_error_json", '{"success": false, "error": "quota"}'),
    ("http_error_json", '{"statusCode": "429", "message": "Slow down"}'),
    ("http_error_json", '{"fault": {"faultstring": "Rate limit quota violation"}}'),
    ("http_error_json", '{"errors": [{"message": "Cannot query field"}]}'),
    *(
        ("http_error_text", text)
        for text in (
            "502 Bad Gateway",
            "HTTP/1.1 503 Service Unavailable",
            "504 Gateway Time-out\nThe server didn't respond in time.",
            "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
            "upstream request timeout",
            "stream timeout",
            "no healthy upstream",
            "default backend - 404",
            "context deadline exceeded",
            "Read timed out",
            "timeout",
            "ECONNREFUSED 10.0.0.7:443",
        )
    ),
    *(("stack_trace", trace) for trace in (PYTHON, JAVA, NODE, DOTNET, GO)),
]

DATA = [
    "",
    "   ",
    "The printer is on fire.",
    f"Since Tuesday the import fails with this:\n\n{PYTHON}\n\nCan somebody look at it?",
    f"{PYTHON}\n\nThis comes every night at two, please help.",
    f"{JAVA}\nIt began with release 4.2.",
    f"Our proxy shows\n{NGINX}",
    "Checkout answers 502 Bad Gateway for every third customer of the bakery.",
    "Customers see 'upstream request timeout' in the app. Who knows more?",
    "The timeout of the session is too short.",
    "Error: the label on the shelf is wrong",
    "TypeError: Cannot read properties of undefined",
    "Traceback (most recent call last): what does that mean?",
    "Caused by: a loose cable\nat the back of the rack\nat the second row",
    "panic: the intern deleted the folder\nwe need the backup",
    '{"id": 7, "error": "timeout", "order": "A-17"}',
    '{"title": "Chairs", "status": "open"}',
    '{"code": 404, "title": "Room on the fourth floor"}',
    '{"message": "Happy birthday, Ann!"}',
    '{"status": 200, "message": "fine"}',
    '{"error": null, "message": "saved"}',
    '{"errors": [], "success": true}',
    "{}",
    '["timeout"]',
    '{"error": "timeout"',
    "{" * 10_000 + "}" * 10_000,
    "<html><head><title>Error handling in our API</title></head><body>Status 404 means absent.</body></html>",
    "<html><head><title>404 Not Found: what to do</title></head><body>" + "Read on. " * 400 + "</body></html>",
    "<html><head><title>Garden chairs</title></head><body><h1>Chairs</h1></body></html>",
    "<p>502 Bad Gateway comes from the proxy</p>",
    "404 rooms",
    "500 chairs are not found",
    "Not found",
]


@pytest.mark.parametrize(("rule", "text"), ERRORS, ids=lambda value: value[:40])
def test_an_error_body_is_known_by_its_rule_and_no_other(rule: ErrorBody, text: str) -> None:
    assert [name for name in RULES if error_in(text, name) is not None] == [rule]


@pytest.mark.parametrize("text", DATA, ids=lambda value: value[:40])
def test_data_that_speaks_of_errors_is_data(text: str) -> None:
    assert [name for name in RULES if error_in(text, name) is not None] == []


@pytest.mark.parametrize("rule", RULES)
def test_large_and_nasty_texts_are_passed_quickly(rule: ErrorBody) -> None:
    nasty = ("<html>" + "<h1" * 6_000, "<html>" + "<!--" * 4_900, "a.b" * 6_000 + "Error", "(" * 19_000, "4" * 19_000)
    for text in nasty:
        assert error_in(text, rule) is None
    assert error_in(json.dumps({"error": "x" * 60_000}), rule) is None
