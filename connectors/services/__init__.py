"""What the connectors do: receive and parse deliveries, publish events, send requests."""

from connectors.services.connections import pause, queue_test, reauthorised, resume, test_connection
from connectors.services.files import hand_over, originate, settle_files
from connectors.services.publishing import publish_event, set_aside, try_again
from connectors.services.receiving import (
    ignore_delivery,
    parse_delivery,
    receive,
    receive_file,
    settle_conflict,
    unsettle_conflict,
)
from connectors.services.sending import enqueue, send_again, send_request, unwithdraw, withdraw
from connectors.services.sweeping import Swept, catch_up

__all__ = [
    "Swept",
    "catch_up",
    "enqueue",
    "hand_over",
    "ignore_delivery",
    "originate",
    "parse_delivery",
    "pause",
    "publish_event",
    "queue_test",
    "reauthorised",
    "receive",
    "receive_file",
    "resume",
    "send_again",
    "send_request",
    "set_aside",
    "settle_conflict",
    "settle_files",
    "test_connection",
    "try_again",
    "unsettle_conflict",
    "unwithdraw",
    "withdraw",
]
