"""Who may come in, and who may not."""

import pytest
from playwright.sync_api import Page, expect

from desk.models import Role, User
from tests.browser.conftest import SignIn

PASSWORD = "a-long-enough-password"


def test_a_wrong_password_is_told_and_opens_nothing(page: Page, live_url: str) -> None:
    User.objects.create_user("kim", password=PASSWORD, is_staff=True)
    page.goto(f"{live_url}/admin/login/")

    page.get_by_label("User name").fill("kim")
    page.get_by_label("Password").fill("not the password")
    page.keyboard.press("Enter")

    expect(page.get_by_text("correct username and password")).to_be_visible()
    assert "/login/" in page.url


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_the_first_page(
    page: Page, live_url: str, sign_in: SignIn, role: Role
) -> None:
    sign_in(page, role)

    answer = page.goto(f"{live_url}/admin/")

    assert answer is not None
    assert answer.status == 200
    assert "login" not in page.url
