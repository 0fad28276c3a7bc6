"""People who sign in. What they may do is a membership, what they did is an annotator."""

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.db import models


class User(AbstractUser):
    """An account; written by invitations, the set-up link and the admin."""

    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[ASCIIUsernameValidator()],
        help_text="Letters, digits and @ . + - _ only, 64 at most.",
        error_messages={"unique": "Somebody already has this user name."},
    )

    class Meta(AbstractUser.Meta):
        pass

    def __str__(self) -> str:
        return self.username

    @property
    def name_shown(self) -> str:
        """The name on pages: the full name where there is one."""
        return self.get_full_name() or self.username
