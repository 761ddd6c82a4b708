"""What each role may do, and at which legal entities a person holds it."""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from desk.models import LegalEntity, Membership, Role, User


class Permission(StrEnum):
    """One thing that a person may do at a legal entity."""

    SEE_DASHBOARD = "see the dashboard"
    READ_ITEMS = "read work items"
    WORK_ITEMS = "work on items"
    READ_BOOKS = "read the books and the portfolio"
    POST = "post entries"
    APPROVE = "approve as the second person"
    IMPORT = "import files"
    CONNECT = "connect platforms"
    READ_REPORTS = "read trust reports"
    MAKE_REPORTS = "make trust reports"
    DOWNLOAD_REPORTS = "download trust reports"
    MANAGE_PEOPLE = "manage people and their roles"


_REPORT_READER = frozenset({Permission.READ_REPORTS, Permission.DOWNLOAD_REPORTS})

# An administrator neither posts nor works on items, so that who sets roles does not move money;
# a person who does both holds both roles, and the audit trail shows it.
PERMISSIONS: Mapping[str, frozenset[Permission]] = {
    Role.BOOKKEEPER: _REPORT_READER
    | {
        Permission.SEE_DASHBOARD,
        Permission.READ_ITEMS,
        Permission.WORK_ITEMS,
        Permission.READ_BOOKS,
        Permission.POST,
        Permission.APPROVE,
        Permission.IMPORT,
        Permission.MAKE_REPORTS,
    },
    Role.PROPERTY_MANAGER: _REPORT_READER
    | {
        Permission.SEE_DASHBOARD,
        Permission.READ_ITEMS,
        Permission.READ_BOOKS,
        Permission.APPROVE,
    },
    Role.ADMINISTRATOR: _REPORT_READER
    | {
        Permission.SEE_DASHBOARD,
        Permission.READ_ITEMS,
        Permission.READ_BOOKS,
        Permission.APPROVE,
        Permission.IMPORT,
        Permission.CONNECT,
        Permission.MAKE_REPORTS,
        Permission.MANAGE_PEOPLE,
    },
    Role.REGULATOR: _REPORT_READER | {Permission.SEE_DASHBOARD},
}

Person = User | AnonymousUser
Grants = Mapping[int, frozenset[Permission]]


def grants(user: Person) -> Grants:
    """The permissions that a person holds at each legal entity, by the entity's id.

    A superuser is an administrator of every entity. One query for each loaded user: the answer is
    kept on the object, which lives as long as one request.
    """
    if not user.is_authenticated or not user.is_active:
        return {}
    kept = getattr(user, "_grants", None)
    if kept is None:
        kept = vars(user)["_grants"] = _read_grants(user)
    return cast("Grants", kept)


def _read_grants(user: User) -> Grants:
    found: dict[int, frozenset[Permission]] = defaultdict(frozenset)
    if user.is_superuser:
        ids = LegalEntity.objects.values_list("id", flat=True)
        return dict.fromkeys(ids, PERMISSIONS[Role.ADMINISTRATOR])
    for entity_id, role in Membership.objects.filter(user=user).values_list("entity_id", "role"):
        found[entity_id] |= PERMISSIONS[role]
    return dict(found)


def forget(user: Person) -> None:
    """Read the person's memberships again at the next question (they have changed)."""
    if hasattr(user, "_grants"):
        del user._grants


def can(user: Person, permission: Permission | str, entity_id: int | None = None) -> bool:
    """Whether a person may do something at a legal entity (None: at any entity)."""
    held = grants(user)
    if entity_id is None:
        return any(permission in each for each in held.values())
    return permission in held.get(entity_id, frozenset())


def entity_ids(user: Person, permission: Permission | str | None = None) -> list[int]:
    """The legal entities where a person may do something (None: holds any role), in order."""
    held = grants(user)
    return sorted(id_ for id_, each in held.items() if permission is None or permission in each)


def require(user: Person, permission: Permission, entity_id: int) -> None:
    """Raise PermissionDenied with a plain sentence unless the person may do it there."""
    if not can(user, permission, entity_id):
        raise PermissionDenied(f"Your role at this company does not let you {permission}.")
