"""Connections to edit and test; deliveries, events, requests and exchanges to look at."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from unfold.widgets import BUTTON_CLASSES

from connectors import registry, services
from connectors.errors import Refused
from connectors.forms import CREDENTIAL, SETTING, ConnectionForm, field_names, form_for
from connectors.models import Connection, Delivery, Event, EventConflict, Exchange, Refusal, Request
from connectors.queues import preview, told
from desk import roles
from desk.admin import ReadOnlyAdmin, RoleAdmin
from desk.models import User
from desk.roles import Permission
from desk.services.audit import record
from ledger.models import Book

_BUTTON = " ".join(BUTTON_CLASSES)


@admin.register(Connection)
class ConnectionAdmin(RoleAdmin):
    """One company's access to one platform: make it, test it, pause it, renew its credentials."""

    form = ConnectionForm
    view_permission = change_permission = add_permission = Permission.CONNECT
    list_display = ("label", "platform", "entity", "book", "state", "tested_at", "test_said")
    list_select_related = ("entity", "book")
    list_filter = ("state",)
    actions = ("test_selected", "pause_selected", "resume_selected")
    readonly_fields = ("state", "webhook_address", "webhook_events", "tested_at", "test_said", "do")

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001
        **kwargs: Any,
    ) -> Any:
        return super().get_form(request, obj, change=change, form=form_for(obj), **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """First the platform is chosen and saved; then its own fields are there."""
        own = (None, {"fields": ("entity", "slug", "label", "book")})
        if obj is None:
            return (own,)
        cls = registry.connector_class(obj.slug)
        door = ("upload",) if cls.is_file_based else ("webhook_address", "webhook_events")
        credentials, settings = field_names(obj, CREDENTIAL), field_names(obj, SETTING)
        return (
            own,
            ("Now", {"fields": ("state", "tested_at", "test_said", "do")}),
            ("What comes in", {"fields": door}),
            *([("Credentials", {"fields": credentials})] if credentials else []),
            *([("Settings", {"fields": settings})] if settings else []),
        )

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:  # type: ignore[override]  # noqa: FBT001
        if not change:
            obj.created_by = cast("User", request.user)
        form.apply(obj)
        super().save_model(request, obj, form, change)
        if change and form.has_new_credentials:
            services.reauthorised(obj, actor=cast("User", request.user))
        if upload := form.cleaned_data.get("upload"):
            self._receive(request, obj, upload)

    def _receive(self, request: HttpRequest, connection: Connection, upload: Any) -> None:
        try:
            row = services.receive_file(connection, upload.name, upload.read())
        except Refused as refusal:
            messages.error(request, f"{upload.name}: {refusal}")
            return
        said = "is stored and will be read now" if row.times == 1 else "was stored before"
        messages.success(request, f"{upload.name} {said}.")
        record(
            "import",
            text=f"{upload.name} was brought to {connection}",
            subject=row,
            entity_id=connection.entity_id,
            actor=cast("User", request.user),
        )

    def response_add(
        self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None
    ) -> HttpResponse:
        messages.info(request, "Now enter the platform's credentials.")
        return HttpResponseRedirect(reverse("admin:connectors_connection_change", args=[obj.pk]))

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Only trust accounts of companies whose platforms the person connects can be chosen."""
        if db_field.name == "book":
            allowed = roles.entity_ids(request.user, Permission.CONNECT)
            kwargs["queryset"] = Book.objects.filter(kind=Book.Kind.TRUST, entity__in=allowed)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="platform", ordering="slug")
    def platform(self, row: Connection) -> str:
        return registry.connector_class(row.slug).label

    @admin.display(description="webhook address")
    def webhook_address(self, row: Connection) -> SafeString:
        """To be entered at the platform, with this site's name in front."""
        url = reverse("connectors:hook", args=[row.token])
        return format_html("<code>https://…{}</code>", url)

    @admin.display(description="events to send")
    def webhook_events(self, row: Connection) -> str:
        return ", ".join(registry.connector_class(row.slug).subscribes) or "all"

    @admin.display(description="")
    def do(self, row: Connection) -> SafeString:
        """Buttons that post to addresses of their own: a test runs outside any transaction."""
        is_paused = row.state == Connection.State.PAUSED
        # Enter in a field presses the first button of the form, so that one must be Save.
        return format_html(
            '<button name="_save" hidden></button>'
            '<button class="{}" formnovalidate formaction="{}">Test connection</button> '
            '<button class="{}" formnovalidate formaction="{}">{}</button>',
            _BUTTON,
            reverse("admin:connectors_connection_do", args=[row.pk, "test"]),
            _BUTTON,
            reverse(
                "admin:connectors_connection_do", args=[row.pk, "resume" if is_paused else "pause"]
            ),
            "Resume" if is_paused else "Pause",
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.do_one)
        own = path("<int:pk>/do/<str:what>/", view, name="connectors_connection_do")
        return [own, *super().get_urls()]

    def do_one(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """Test, pause or resume one connection."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        roles.require(cast("User", request.user), Permission.CONNECT, row.entity_id)
        self._do(request, row, what)
        return HttpResponseRedirect(reverse("admin:connectors_connection_change", args=[pk]))

    def _do(self, request: HttpRequest, row: Connection, what: str) -> None:
        actor = cast("User", request.user)
        if what == "test":
            is_well = services.test_connection(row, actor=actor)
            (messages.success if is_well else messages.error)(request, f"{row}: {row.test_said}")
        elif what == "pause":
            services.pause(row, actor=actor)
            messages.success(request, f"{row} is paused; what comes in is stored.")
        elif what == "resume":
            services.resume(row, actor=actor)
            messages.success(request, f"{row} goes on.")

    def _do_all(self, request: HttpRequest, rows: QuerySet[Connection], what: str) -> None:
        for row in rows:
            if self.has_change_permission(request, row):
                self._do(request, row, what)

    @admin.action(description="Test connection", permissions=["change"])
    def test_selected(self, request: HttpRequest, rows: QuerySet[Connection]) -> None:
        self._do_all(request, rows, "test")

    @admin.action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, rows: QuerySet[Connection]) -> None:
        self._do_all(request, rows, "pause")

    @admin.action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, rows: QuerySet[Connection]) -> None:
        self._do_all(request, rows, "resume")


class _OfConnection(ReadOnlyAdmin):
    """Rows of a connection, newest first."""

    entity_path = "connection__entity"
    list_select_related = ("connection",)
    ordering = ("-id",)


@admin.register(Delivery)
class DeliveryAdmin(_OfConnection):
    """What came in, as it came."""

    list_display = ("received_at", "connection", "name", "state", "reason", "times")
    list_filter = ("state", "connection")
    fields = (
        "connection", "received_at", "name", "state", "reason", "attempts", "parsed_at", "times",
        "sha256", "headers", "begins",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")

    @admin.display(description="begins")
    def begins(self, row: Delivery) -> SafeString:
        return format_html("<pre>{}</pre>", preview(row))


@admin.register(Event)
class EventAdmin(_OfConnection):
    """What platforms told us."""

    list_display = ("at", "kind", "subject", "connection", "state", "reason")
    list_filter = ("state", "kind", "connection")
    search_fields = ("key", "subject")
    fields = (
        "connection", "delivery", "kind", "key", "subject", "at", "state", "reason", "waits_for",
        "attempts", "next_at", "stored_at", "heard_at", "told",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="facts")
    def told(self, row: Event) -> SafeString:
        facts = told(row.kind, row.facts)
        return format_html(
            "<pre>{}</pre>", "\n".join(f"{each.label}: {each.value}" for each in facts)
        )


@admin.register(EventConflict)
class EventConflictAdmin(ReadOnlyAdmin):
    """Events that were told twice, differently; they are settled on the desk."""

    entity_path = "event__connection__entity"
    list_display = ("seen_at", "event", "settled_by", "settled_how")
    list_select_related = ("event", "settled_by")
    fields = ("event", "delivery", "seen_at", "settled_by", "settled_how")
    ordering = ("-id",)


@admin.register(Request)
class RequestAdmin(_OfConnection):
    """What we ask platforms to do, and files for banks."""

    list_display = ("created_at", "kind", "key", "connection", "state", "attempts", "reason")
    list_filter = ("state", "kind", "connection")
    search_fields = ("key", "vendor_id")
    fields = (
        "connection", "kind", "key", "facts", "state", "reason", "attempts", "created_at",
        "next_at", "first_tried_at", "sent_at", "vendor_id", "answer", "delivery", "file",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="file")
    def file(self, row: Request) -> SafeString | str:
        """The way to the bytes, for those who may post."""
        if row.delivery_id is None:
            return "–"
        url = reverse("admin:connectors_request_file", args=[row.pk])
        return format_html('<a href="{}">Download {}</a>', url, row.facts.get("name", "the file"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [path("<int:pk>/file/", view, name="connectors_request_file"), *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bytes of a file for the bank, for those who may post; each download is recorded."""
        row = get_object_or_404(self.get_queryset(request).exclude(delivery=None), pk=pk)
        actor = cast("User", request.user)
        roles.require(actor, Permission.POST, row.connection.entity_id)
        record(
            "download",
            text=f"{row.facts['name']} was downloaded",
            subject=row,
            entity_id=row.connection.entity_id,
            actor=actor,
            facts={"sha256": row.facts["sha256"]},
        )
        answer = HttpResponse(bytes(row.delivery.body), content_type="text/plain; charset=us-ascii")
        name = f"{slugify(row.facts['name'].removesuffix('.ach'))}.ach"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


@admin.register(Exchange)
class ExchangeAdmin(_OfConnection):
    """HTTP calls and their answers, secrets left out."""

    view_permission = Permission.CONNECT
    list_display = ("at", "connection", "method", "url", "status", "seconds", "fault")
    list_filter = ("connection",)
    fields = (
        "connection", "request", "at", "method", "url", "sent", "status", "answer", "seconds",
        "fault",
    )  # fmt: skip


@admin.register(Refusal)
class RefusalAdmin(_OfConnection):
    """Deliveries that were refused, counted by day and reason."""

    view_permission = Permission.CONNECT
    list_display = ("on", "connection", "reason", "times", "first_at", "last_at", "last_size")
