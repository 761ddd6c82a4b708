from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class DeskConfig(AppConfig):
    name = "desk"
    verbose_name = "Company"


class TrustAdminConfig(AdminConfig):
    default_site = "desk.site.TrustSite"
