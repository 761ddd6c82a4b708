"""The only way to the network: timeouts, careful retries, a rate limit, records without secrets.

A connector gets an `Http` bound to its connection. A call is made outside any transaction, so that
no lock waits for a platform and every exchange is recorded even when what follows fails.
"""

import ipaddress
import json
import logging
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import requests
from django.db import connection as database
from django.db import transaction
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util import Retry

from connectors.errors import Denied, RetryLater, Unreadable
from connectors.models import Exchange

log = logging.getLogger(__name__)

TIMEOUT = (5.0, 30.0)  # Seconds to connect, and between two bytes of the answer.
ANSWER_LIMIT = 8 * 1024 * 1024
RECORD_LIMIT = 20_000  # Characters of a body that an Exchange keeps.
TRIES = 3
LONGEST_PAUSE = 5  # Seconds between two tries of one call; longer waits belong to the outbox.
LONGEST_RETRY_AFTER = timedelta(hours=6)
# Calls that may be repeated without asking, as HTTP defines them.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
HIDDEN = "[secret]"

Form = Sequence[tuple[str, str]]

_SECRET_MEMBER = re.compile(
    r"""(?ix)
    ( "[^"]* (?: secret | passw | token | api_?key | authorization | account_?number
              | routing_?number | private_?key ) [^"]*" \s* : \s* )
    ( "(?:[^"\\]|\\.)*" | -?\d[\d.]* )
    """
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A platform's answer. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises Unreadable."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"the platform answered {self.status} without JSON") from error

    @property
    def retry_after(self) -> timedelta | None:
        """How long the platform asks us to wait, at most six hours."""
        return retry_after(self.headers.get("retry-after", ""))


@dataclass(slots=True)
class Http:
    """HTTP for one connection.

    secrets: values that may stand in no record. calls_per_second: kept in the database, so that it
    holds for all workers together. is_user_url: a person typed the address, so it must be public.
    request_id: of the outbox row that this call is for.
    """

    connection_id: int
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    calls_per_second: int = 10
    is_user_url: bool = False
    request_id: int | None = None
    _session: requests.Session | None = field(default=None, repr=False)

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Form = ()
    ) -> Answer:
        """Ask for something; repeated by itself when the platform stumbles."""
        return self.send("GET", f"{url}?{urlencode(params)}" if params else url, headers=headers)

    def post_form(
        self, url: str, *, key: str, form: Form, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form once. key: goes out as Idempotency-Key, so that a repeat is the same act."""
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
        return self.send(
            "POST", url, headers={**(headers or {}), **kind}, body=urlencode(form).encode()
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Make one call and record it, whatever becomes of it.

        Raises RetryLater when no answer came, Denied for a redirect or an address that is not
        allowed. Answers of any other status come back; the connector judges them.
        """
        if self.is_user_url:
            require_public(url)
        self._take_turn()
        started = time.monotonic()
        answer, fault = None, ""
        try:
            answer = self._call(method, url, headers or {}, body)
            if 300 <= answer.status < 400:
                fault = "answered with a redirect, which is not followed"
                raise Denied(f"{_host(url)} {fault}")
        except requests.RequestException as error:
            fault = self.scrub(_explained(error))
            raise RetryLater(f"{_host(url)} did not answer: {fault}") from None
        except (Denied, Unreadable) as error:
            fault = fault or self.scrub(str(error))
            raise
        finally:
            self._record(method, url, body, answer, fault, time.monotonic() - started)
        return answer

    def scrub(self, text: str) -> str:
        """A text without this connection's secrets and without values that are named as secret."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            for form in {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
            }:
                text = text.replace(form, HIDDEN)
        return _SECRET_MEMBER.sub(rf'\1"{HIDDEN}"', text)

    # -- One call

    def _call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        response = self._opened().request(
            method,
            url,
            data=body,
            headers={"User-Agent": "PropTrust/1", **headers},
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        )
        with response:
            found = b"".join(_limited(response, url))
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, names, found)

    def _opened(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            adapter = _PublicAdapter if self.is_user_url else HTTPAdapter
            self._session.mount("https://", adapter(max_retries=_retry()))
            # A proxy or .netrc of the machine is for the platforms we chose, not for typed ones.
            self._session.trust_env = not self.is_user_url
        return self._session

    def _take_turn(self) -> None:
        """Wait for a place in this second's limit; RetryLater when there is none for long."""
        for _ in range(LONGEST_PAUSE):
            if _claim(self.connection_id, self.calls_per_second):
                return
            time.sleep(1 - time.time() % 1)
        raise RetryLater(
            f"this connection makes at most {self.calls_per_second} calls a second",
            after=timedelta(seconds=30),
        )

    def _record(
        self,
        method: str,
        url: str,
        body: bytes | None,
        answer: Answer | None,
        fault: str,
        seconds: float,
    ) -> None:
        log.info(
            "%s %s: %s in %.3f s",
            method,
            self.scrub(url),
            answer.status if answer else fault,
            seconds,
        )
        # durable: inside a transaction this fails loudly, for the record could be rolled back.
        with transaction.atomic(durable=True):
            Exchange.objects.create(
                connection_id=self.connection_id,
                request_id=self.request_id,
                method=method,
                url=self.scrub(url)[:500],
                sent=self._shown(body),
                status=answer.status if answer else None,
                answer=self._shown(answer.body if answer else None),
                seconds=Decimal(f"{seconds:.3f}"),
                fault=fault[:300],
            )

    def _shown(self, body: bytes | None) -> str:
        if not body:
            return ""
        text = self.scrub(body.decode("utf-8", "replace")).replace("\x00", "\ufffd")
        left_out = len(text) - RECORD_LIMIT
        return f"{text[:RECORD_LIMIT]}\n… {left_out} more characters" if left_out > 0 else text


# -- Retries and limits


def retry_after(value: str, *, now: datetime | None = None) -> timedelta | None:
    """What a Retry-After header asks for, in seconds or as a date; never above six hours."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        wait = timedelta(seconds=min(int(value), LONGEST_RETRY_AFTER.total_seconds()))
    else:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = max(moment - (now or datetime.now(UTC)), timedelta(0))
    return min(wait, LONGEST_RETRY_AFTER)


def _retry() -> Retry:
    return Retry(
        total=TRIES - 1,
        allowed_methods=IDEMPOTENT,
        status_forcelist=(429, 500, 502, 503, 504),
        backoff_factor=0.5,
        backoff_max=LONGEST_PAUSE,
        retry_after_max=LONGEST_PAUSE,
        raise_on_status=False,  # The last answer comes back, and the connector judges it.
        redirect=0,
    )


def _claim(connection_id: int, limit: int) -> bool:
    """Take one of a connection's places in the running second; all workers share the row."""
    with transaction.atomic(durable=True), database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO connectors_ratelimit AS held (connection_id, second, used)
            VALUES (%(id)s, date_trunc('second', clock_timestamp()), 1)
            ON CONFLICT (connection_id) DO UPDATE
            SET used = CASE WHEN held.second = EXCLUDED.second THEN held.used + 1 ELSE 1 END,
                second = EXCLUDED.second
            WHERE held.second < EXCLUDED.second OR held.used < %(limit)s
            RETURNING used
            """,
            {"id": connection_id, "limit": limit},
        )
        return cursor.fetchone() is not None


def _limited(response: requests.Response, url: str) -> Iterator[bytes]:
    size = 0
    for part in response.iter_content(64 * 1024):
        size += len(part)
        if size > ANSWER_LIMIT:
            raise Unreadable(f"{_host(url)} answered with more than {ANSWER_LIMIT // 2**20} MB")
        yield part


def _explained(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    return f"{type(error).__name__}: {error}"


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the platform"


# -- Addresses that people type


def require_public(url: str) -> None:
    """Refuse an address that a person typed unless it is https at a public host.

    Raises Denied with the reason. The connection itself is checked once more when it is made, so a
    name that changes its address in between reaches nothing.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Denied("the address is not a URL") from None
    if parts.scheme != "https":
        raise Denied("the address must begin with https://")
    if not parts.hostname:
        raise Denied("the address has no host")
    if parts.username is not None or parts.password is not None:
        raise Denied("the address must not hold a user name or password")
    try:
        found = socket.getaddrinfo(parts.hostname, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RetryLater(f"{parts.hostname} is not known to the name service") from None
    for *_, address in found:
        if not is_public(str(address[0])):
            raise Denied(f"{parts.hostname} lies in a private network")


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public internet: not local, private, shared or reserved."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        # NAT64 carries an IPv4 address in its last four bytes. Source: RFC 6052.
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class _PublicConnection(HTTPSConnection):
    """Looks at whom it has reached before a byte is sent: the name may have moved since."""

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        peer = str(sock.getpeername()[0])
        if not is_public(peer):
            sock.close()
            raise Denied(f"{self.host} lies in a private network")
        return sock


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicAdapter(HTTPAdapter):
    """Makes connections to public addresses only."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}
