"""Everything that can go wrong, as one small tree. Messages are whole sentences, safe to show anyone.

* RunbookError
  + ParamsError          a params file or parameters cell is wrong; nothing was called
  + SecretError          a secret reference can't be resolved; nothing was called
    - NoSuchSecret       nothing is there (yet)
  + CheckFailed          a check of the clouds' state failed: the sentence says what to do
  + NotYet               an earlier chapter's object does not exist yet
  + Refused              going on would change something the runbook must not change unasked
  + DeadlineExceeded     the clouds did not get there in the time allowed
  + RecordError          the journal or a notebook can't be written
  + SandboxError         the practice clouds could not be started
  + CloudError           a cloud answered with an error, or did not answer
    - Unauthorized       401: the credentials or the token
    - Forbidden          403: a permission is missing
    - NotFound           404
    - Conflict           409: somebody else changed the object meanwhile
    - OutcomeUnknown     the answer was lost: the request may or may not have been carried out
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class RunbookError(Exception):
    """Base of every error this package raises on purpose; `str()` of it is a sentence for the user."""

    def _render_traceback_(self) -> list[str]:
        # IPython's own hook: a notebook shows the sentence, not forty lines of our plumbing.
        return [f"{self._headline()}: {self}"]

    def _headline(self) -> str:
        return type(self).__name__


class ParamsError(RunbookError):
    """One or more parameters are wrong. `problems` holds a sentence each, naming file and key."""

    def __init__(self, problems: str | Iterable[str]):
        self.problems: Sequence[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))

    def _headline(self) -> str:
        return "Parameters to mend"


class SecretError(RunbookError):
    """A secret reference points nowhere. Never holds the secret."""


class NoSuchSecret(SecretError):
    """Where the reference points, nothing is kept: as against a keychain that is locked, or a file that can't be read."""


class CheckFailed(RunbookError):
    """A check did not hold; the message says what was found and what to do."""


class NotYet(RunbookError):
    """An object of an earlier chapter is missing; the message names the chapter to run."""


class Refused(RunbookError):
    """The next step would take over or shrink something the runbook did not make."""


class DeadlineExceeded(RunbookError):
    """What was waited for did not happen in time. Running again resumes the wait."""


class RecordError(RunbookError):
    """The record can't be written: the disk is full, or the folder can't be written to."""


class SandboxError(RunbookError):
    """The practice clouds could not be started or reached."""


class CloudError(RunbookError):
    """A cloud's error answer, redacted.

    `status` is the HTTP status (0: no answer), `code` the cloud's own code (Twilio `21248`,
    Genesys `bad.request`), `correlation_id` what the vendor's support asks for, `retry_after` the seconds the cloud
    asked to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        cloud: str = "",
        status: int = 0,
        code: str = "",
        correlation_id: str = "",
        call: str = "",
        retry_after: float = 0.0,
    ):
        self.cloud, self.status, self.code = cloud, status, code
        self.correlation_id, self.call, self.retry_after = correlation_id, call, retry_after
        super().__init__(message)

    def __reduce__(self):
        return (_rebuild, (type(self), str(self), self.__dict__.copy()))


def _rebuild(cls: type[CloudError], message: str, state: dict) -> CloudError:
    error = cls(message)
    error.__dict__.update(state)
    return error


class Unauthorized(CloudError):
    """401: wrong or expired credentials."""


class Forbidden(CloudError):
    """403: the credentials are good, a permission is missing."""


class NotFound(CloudError):
    """404: no such object (any more)."""


class Conflict(CloudError):
    """409: the version sent is not the version held."""


class OutcomeUnknown(CloudError):
    """The connection broke after the request was sent, so it may have been carried out."""
