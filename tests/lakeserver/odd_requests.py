"""Random requests of which nearly all are nonsense: every route and page, with odd parameters and bodies."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from mlops.lakeserver.http.routes import ROUTES
from mlops.lakeserver.pages import site

ODD_TEXTS = [
    *(
        "",
        " ",
        "\x00",
        "/",
        "//",
        "//[",
        "http://[",
        "http://[::1",
        "..",
        ".",
        "~",
        "main",
        "main~99999999",
        "main^2",
    ),
    *(
        "main@",
        "main$",
        "a" * 3000,
        "é",
        "\ud800",
        "%",
        "%zz",
        "%00",
        "%2F",
        "%ff",
        "0",
        "-1",
        "1e9",
        "9" * 400,
    ),
    *(
        "true",
        "null",
        "NaN",
        "[]",
        "{}",
        "local://x",
        "local://",
        "local:///etc",
        "x\r\ny: z",
        "\x7f",
        "\u2028",
    ),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "2020-02-30T00:00:00Z"),
    *("99999-01-01T00:00:00Z", "bytes=0-", "bytes=-0", "bytes=9999999999999999999999-", "*", '"', "'", "<b>"),
    *("a/b/c", "gAAAA", "v1", "[", "{a,b", "(((", "\\", "\ufeff", "\ufffe", "🦆" * 300),
]
ODD_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**53,
        2**63,
        2**64,
        10**400,
        0.5,
        -0.0,
        1e308,
        float("inf"),
        float("nan"),
    ),
    *(
        [],
        {},
        [None],
        {"": None},
        [[[]]],
        {"a": {"a": {}}},
        ["x"],
        {"a": "b"},
        {"\ud800": "\ud800"},
        ["\ud800"],
    ),
]
FIELDS = [
    "name",
    "source",
    "message",
    "metadata",
    "date",
    "allow_empty",
    "ref",
    "id",
    "path",
    "paths",
    "force",
    "type",
    "prefix",
    "title",
    "description",
    "status",
    "source_branch",
    "destination_branch",
    "storage_namespace",
    "default_branch",
    "sample_data",
    "read_only",
    "physical_address",
    "checksum",
    "size_bytes",
    "mtime",
    "content_type",
    "user_metadata",
    "src_path",
    "src_ref",
    "commit",
    "parent_number",
    "strategy",
    "squash_merge",
    "no_ff",
    "allow_merge",
    "pattern",
    "blocked_actions",
    "destination",
    "paths",
    "destination",
    "commit",
    "access_key_id",
    "secret_access_key",
    "commits_meta_range_id",
    "branches_meta_range_id",
    "tags_meta_range_id",
    "metarange_id",
    "parents",
    "committer",
    "creation_date",
    "generation",
    "version",
    "commit_id",
    "events",
    "class",
    "value",
    "count",
    "staging",
    "keys",
    "set",
    "default_retention_days",
    "branches",
    "branch_id",
    "retention_days",
    "refs",
]
QUERIES = [
    "path",
    "prefix",
    "after",
    "amount",
    "delimiter",
    "since",
    "until",
    "first_parent",
    "limit",
    "objects",
    "prefixes",
    "stop_at",
    "presign",
    "user_metadata",
    "type",
    "ref",
    "left",
    "right",
    "force",
    "search",
    "status",
    "branch",
    "commit",
    "allow_empty",
    "source_metarange",
    "next",
    "id",
    "show_hidden",
    "if_absent",
    "storageClass",
    "dry_run",
    "recurse",
    "page",
    "format",
    "with_right",
    "include_right_stats",
    "path_type",
]
HEADERS = {
    "Content-Type": [
        *(
            "",
            "application/json",
            "APPLICATION/JSON",
            "text/plain",
            "not a type",
            "application/json; charset=unicode_escape",
        ),
        *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=unicode_escape"),
        *(
            "multipart/form-data",
            "multipart/form-data; boundary=x",
            "multipart/form-data; boundary=",
            ";;;=",
            "é",
        ),
        *(
            "multipart/form-data; boundary=x; charset=unicode_escape",
            "multipart/form-data; boundary=x; charset=undefined",
        ),
        *(
            "multipart/form-data; boundary=x; charset=idna",
            "multipart/form-data; boundary*=utf-8''x",
            "a" * 5000,
        ),
    ],
    "Range": [
        "bytes=0-0",
        "bytes=5-1",
        "bytes=-5",
        "bytes=a-b",
        "bytes=0-1,2-3",
        "x",
        "bytes=" + "9" * 50 + "-",
    ],
    "If-None-Match": ["*", '"x"', "* ", ""],
    "If-Match": ["*", '"x"', "\xff", ""],
    "If-Modified-Since": ["Thu, 01 Jan 99999 00:00:00 GMT", "x", "Thu, 01 Jan 1970 00:00:00 GMT"],
    "Content-Length": [],
    "Origin": ["null", "http://[", "//[", "http://evil.example", "http://127.0.0.1:99999", "é"],
    "Sec-Fetch-Site": ["cross-site", "same-origin", "none", "é", ""],
    "Host": ["", "[", "[::1", "x:99999999", "a" * 300, "é", "//["],
    "Referer": ["http://[", "é"],
    "Cookie": ["internal_auth_session=é", "a=b;" * 500, "internal_auth_session=eyJ.eyJhIjpb.x", '"', "=;=;="],
    "Authorization": ["Basic", "Basic é", "Bearer é", "Bearer a.b.c", "Basic " + "A" * 5000, "é"],
    "Transfer-Encoding": [],
    "x-lakefs-meta-k": ["v", "é", " v ", "x" * 5000],
    "X-Lakefs-Mtime": ["x", "9" * 30],
    "X-Lakefs-Client": ["é"],
}
MULTIPART = (
    b"--x\r\nContent-Disposition: form-data; name=content\r\n\r\nabc\r\n--x--\r\n",
    b'--x\r\nContent-Disposition: form-data; name="content"; filename="\xff"\r\nContent-Type: \xff\r\n\r\na',
    b"--x\r\nContent-Disposition: form-data; name*=utf-8''content\r\n\r\nabc\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name=next\r\n\r\n\\N{nope\r\n--x--\r\n",
    b"--x\r\n\r\n\r\n--x--",
    b"--y\r\n",
    b"",
)


class OddRequest(NamedTuple):
    """A request as it is sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.target[:300]} {self.headers!r:.300} {self.body[:200]!r}"


class OddRequests:
    """Makes requests about one repository; the same seed makes the same ones."""

    def __init__(self, seed: int, repository: str) -> None:
        self._random = random.Random(seed)
        self._repository = repository
        pages = [
            "/",
            "/auth/login",
            "/auth/logout",
            "/_health",
            "/nosuch",
            "/_lake/verify",
            *site._PAGES,
            *site._FORMS,
        ]
        self._routes = [
            *(
                (route.method, f"/api/v1{route.path}")
                for route in ROUTES
                if route.operation != "deleteRepository"
            ),
            *(("GET", page) for page in pages),
            *(("POST", page) for page in ("/auth/login", "/auth/logout", *site._FORMS)),
        ]

    def __call__(self, count: int) -> Iterator[OddRequest]:
        for _ in range(count):
            yield self._one()

    def _one(self) -> OddRequest:
        method, path = self._random.choice(self._routes)
        if self._random.random() < 0.05:
            method = self._random.choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
        headers = {
            name: self._random.choice(values)
            for name, values in HEADERS.items()
            if values and self._chance(0.06)
        }
        body = b"" if method in {"GET", "HEAD"} and self._chance(0.9) else self._body(headers)
        return OddRequest(method, self._target(path), headers, body)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _text(self) -> str:
        if self._chance(0.2):
            length = self._random.randint(0, 12)
            return "".join(self._random.choice(string.printable + "éß€🦆\x00") for _ in range(length))
        return self._random.choice(ODD_TEXTS)

    def _target(self, path: str) -> str:
        parts = []
        for part in path.split("/"):
            if not part.startswith("{"):
                parts.append(part)
            elif part == "{repository}" and self._chance(0.93):
                parts.append(self._repository)
            elif self._chance(0.6):
                parts.append(self._random.choice(["main", "main", "other", "v1", "main~1"]))
            else:
                parts.append(quote(self._text().encode("utf-8", "surrogatepass"), safe=""))
        query = [
            (self._random.choice(QUERIES), self._text().encode("utf-8", "surrogatepass"))
            for _ in range(self._random.randint(0, 4))
        ]
        if "objects" in path and self._chance(0.7):
            query.append(
                ("path", self._random.choice([b"a", b"d/b", b"t.csv", b"x.json", b"x.md", b"p.parquet"]))
            )
        text = urlencode(query)
        if self._chance(0.03):
            text = self._random.choice(["%", "a=%zz", "=", "&&&", "a" * 9000, "a=" + "&b=" * 3000, "%ff=%ff"])
        return "/".join(parts) + (f"?{text}" if text else "")

    def _value(self, depth: int = 0) -> Any:
        if self._chance(0.4):
            return self._random.choice(ODD_VALUES)
        if depth < 3 and self._chance(0.25):
            return {
                self._random.choice(FIELDS): self._value(depth + 1) for _ in range(self._random.randint(0, 5))
            }
        if depth < 3 and self._chance(0.15):
            return [self._value(depth + 1) for _ in range(self._random.randint(0, 3))]
        return self._text()

    def _body(self, headers: dict[str, str]) -> bytes:
        if self._chance(0.1):
            return self._random.choice(
                [b"", b"{", b"[" * 500, b"\xff", b"null", b"1", b'"x"', b"{}", b"\x00" * 100]
            )
        if "multipart" in headers.get("Content-Type", "") and self._chance(0.8):
            return self._random.choice(MULTIPART)
        if "urlencoded" in headers.get("Content-Type", ""):
            pairs = [
                (self._random.choice(QUERIES), self._text().encode("utf-8", "surrogatepass"))
                for _ in range(4)
            ]
            return urlencode(pairs).encode()
        headers.setdefault("Content-Type", "application/json")
        names = self._random.sample(FIELDS, self._random.randint(2, 25))
        return json.dumps({name: self._value() for name in names}).encode()
