"""A new digest password on both sides, with no moment in which Genesys' user and password are not good at Twilio.

Twilio accepts every user of the trunk's credential lists, so a second user carries the calls while the first one's
password changes:

1. Twilio: a second user, with the new password.
2. Genesys: the trunk uses it; wait until its lines are in service.
3. Twilio: the first user gets the new password.
4. Genesys: the trunk uses the first user again; wait.
5. Twilio: the second user goes.

Calls under way are not touched. What the clouds don't promise: how long an edge goes on using what it was told before;
so each wait is followed by `SETTLE` seconds. Broken off anywhere, the same command with the same new password ends it.
"""

from __future__ import annotations

import secrets as randomness
import string
import time

from .exceptions import NotYet, Refused
from .params import password_problem
from .resources import byoc_trunk, credential_list, sip_trunk
from .resources.base import Context, Found
from .secrets import Secret

SETTLE = {"sandbox": 0.0, "live": 60.0}  # seconds; an assumption, no vendor gives a figure
WAIT = {"sandbox": 30.0, "live": 300.0}


def generate() -> Secret:
    """A password of 24 letters and digits that meets both clouds' rules."""
    while True:
        value = "".join(randomness.choice(string.ascii_letters + string.digits) for _ in range(24))
        if not password_problem(value):
            return Secret(value)


def prepare(ctx: Context) -> tuple[Found, str]:
    """What must hold before the first change: the credential list as found, and the user the trunk signs in as; only reads.

    Raises:
        NotYet: chapters 03 and 04 have not been run.
        Refused: the trunk uses another user than the params, or other trunks use the same credential list.
    """
    user = ctx.params.digest_username
    users, trunk = ctx.require(credential_list), ctx.require(byoc_trunk)
    used = trunk.fields[byoc_trunk.USER]
    if user not in users.fields["users"]:
        raise NotYet(f'The credential list "{users.name}" has no user {user}: run chapter 03 first.')
    if used not in (user, credential_list.second(user)):
        raise Refused(f'The BYOC trunk "{trunk.name}" signs in as {used}, the params say {user}. Nothing was changed. '
                      "Run chapter 04 first, or mend digest_username.")
    own = ctx.params.termination_uri.lower()
    others = [domain for domain in sip_trunk.attached_to(ctx, "credentials_lists", users.id) if domain.lower() != own]
    if others:
        raise Refused(f'The credential list "{users.name}" also serves {", ".join(others)}: whoever signs in there as {user} would be '
                      "locked out. Nothing was changed. Give this partner a list of its own first.")
    return users, used


def rotate(ctx: Context, new: Secret) -> list[str]:
    """Change the digest password on both sides; returns what was done, a sentence a step.

    Raises:
        NotYet, Refused: as `prepare`; nothing was changed.
        DeadlineExceeded: the BYOC trunk did not come into service with the new user; nothing was taken away.
    """
    users, used = prepare(ctx)
    user = ctx.params.digest_username
    second = credential_list.second(user)
    done, credentials = [], users.raw.credentials
    if used == user:
        held = {c.username: c for c in credentials.list(page_size=100)}
        if second in held:
            held[second].update(password=new.reveal())
        else:
            credentials.create(username=second, password=new.reveal())
        done.append(f"Twilio: user {second} with the new password.")
        _use(ctx, second, new)
        done.append(f"Genesys Cloud: the trunk signs in as {second}, and is in service.")
    next(c for c in credentials.list(page_size=100) if c.username == user).update(password=new.reveal())
    done.append(f"Twilio: user {user} has the new password.")
    _use(ctx, user, new)
    done.append(f"Genesys Cloud: the trunk signs in as {user}, and is in service.")
    for credential in credentials.list(page_size=100):
        if credential.username == second:
            credential.delete()
    return [*done, f"Twilio: user {second} removed."]


def _use(ctx: Context, user: str, password: Secret) -> None:
    byoc_trunk.sign_in_as(ctx, user, password)
    ctx.forget()
    byoc_trunk.wait_in_service(ctx, WAIT[ctx.params.target])
    time.sleep(SETTLE[ctx.params.target])
