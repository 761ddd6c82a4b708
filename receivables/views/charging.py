"""The month's charges: what a run makes, and what it has made."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from desk import roles
from desk.roles import Permission
from desk.services import record
from desk.views import needs
from receivables import browsing, services
from receivables.rent_forms import MonthForm
from receivables.views import common


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def charges(request: HttpRequest) -> HttpResponse:
    """Post a company's charges for a month, once however often it is asked; and see them."""
    permission = Permission.POST if request.method == "POST" else Permission.READ_BOOKS
    entity = common.company_asked(request, permission)
    asked = request.POST or (request.GET if "month" in request.GET else None)
    form = MonthForm(asked, initial={"month": timezone.localdate()})
    is_good = asked is not None and form.is_valid()
    month: date = form.cleaned_data["month"] if is_good else timezone.localdate().replace(day=1)
    if request.method == "POST" and is_good:
        try:
            run = services.post_monthly_charges(entity, month)
        except common.REFUSALS as refusal:
            messages.warning(request, common.refusal_text(refusal))
        else:
            said = (
                f"{run.made:,} charges for {month:%B %Y} made; {run.prepaid:,} leases paid at once"
            )
            record(
                "post charges",
                text=said,
                subject=entity,
                entity_id=entity.pk,
                actor=common.person(request),
            )
            messages.success(request, f"{said}.")
        query = f"?entity={entity.pk}&month={month:%Y-%m}"
        return redirect(f"{reverse('rent:charges')}{query}")
    context = {
        "title": "Monthly charges",
        "form": form,
        "entity": entity,
        "companies": common.companies(request, Permission.READ_BOOKS),
        "month": month,
        "kinds": browsing.monthly_charges(entity.pk, month),
        "may_post": roles.can(common.person(request), Permission.POST, entity.pk),
    }
    status = 422 if asked is not None and form.errors else 200
    return render(request, "receivables/charges.html", context, status=status)
