"""The admin site: who may come in, the dashboard as its first page, and its content policy."""

from collections.abc import Callable
from typing import Any, cast

from csp.decorators import csp_update
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import LogoutView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from desk import roles

View = Callable[..., HttpResponse]
# What unfold's lists and forms need on top of the strict policy of settings.py: Alpine evaluates
# the expressions in its attributes, and colours stand in a style element
# (docs/decisions/021-content-policy.md). The dashboard, the desk and the log-in stay strict.
ADMIN_POLICY = {
    "script-src": ["'unsafe-eval'"],
    "style-src": ["'unsafe-inline'"],
}


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    """Log-in for every active person; what they see comes from their roles."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        if not user.is_active:
            raise ValidationError(
                "This account is switched off. Ask an administrator of your company.",
                code="inactive",
            )


class TrustSite(UnfoldAdminSite):  # type: ignore[misc]
    """The site of PropTrust: roles decide, not the staff flag."""

    login_form = LoginForm
    login_template = "desk/login.html"
    site_title = "PropTrust"
    site_header = "PropTrust"
    index_title = "Dashboard"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Every active person who holds a role anywhere."""
        return bool(roles.grants(request.user))

    def admin_view(
        self,
        view: View,
        cacheable: bool = False,  # noqa: FBT001 - as in Django.
    ) -> View:
        inner = cast("View", super().admin_view(view, cacheable))
        return inner if view == self.index else cast("View", csp_update(ADMIN_POLICY)(inner))

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """End the session and show the log-in again."""
        return LogoutView.as_view(next_page=reverse("admin:login"))(request)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The dashboard."""
        from desk.views import dashboard

        return dashboard(request)
