"""Every error that IntentLive raises on purpose.

IntentLiveError
├── InvalidEvent            one event is not what the interface asks for
├── UnreadableBody          a whole request body is not what its type says
├── TooManyEvents           a request body holds more events than one request may
├── UnknownStateVersion     a stored state was written by a newer IntentLive
├── UnreadableMessage       a message of the buffer cannot be read
├── StoreError
│   ├── StoreUnavailable    the store cannot be read or written just now
│   │   └── BufferUnavailable   the buffer before it, likewise
│   ├── StoreTooNew         the store's tables belong to a newer IntentLive
│   ├── StoreTooOld         the store's tables must be brought up to date first
│   ├── SecretsLocked       the key to the store's secrets is missing or another's
│   ├── AlreadyExists       an id is taken
│   ├── NotFound            no such account, bot or app
│   └── StillInUse          something else depends on what should be deleted
└── Refusal                 a call is not allowed (`auth`)
"""


class IntentLiveError(Exception):
    """The base of all of them."""


class InvalidEvent(IntentLiveError):
    """One event cannot be taken.

    `reason` is a word for counting; `code` is 412, or 425 when it lies too far in the future.
    """

    def __init__(self, message: str, reason: str, *, code: int = 412) -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code


class UnreadableBody(IntentLiveError):
    """A request body cannot be read as what its content type says."""


class TooManyEvents(IntentLiveError):
    """A request body holds more events than one request may."""


class UnknownStateVersion(IntentLiveError):
    """A stored session state starts with a version byte that this release does not know."""


class UnreadableMessage(IntentLiveError):
    """A message of the buffer is not what this release writes."""


class StoreError(IntentLiveError):
    """The base of what can go wrong with a store."""


class StoreUnavailable(StoreError):
    """The store does not answer or take writes at the moment; the same call may succeed later."""


class BufferUnavailable(StoreUnavailable):
    """The buffer before the store is full or does not answer; the same call may succeed later."""


class StoreTooNew(StoreError):
    """The store was migrated by a newer release."""


class StoreTooOld(StoreError):
    """The store's tables must be brought up to date before this release can use them."""


class SecretsLocked(StoreError):
    """The key that opens the store's secrets is missing, open to others, or of another store."""


class AlreadyExists(StoreError):
    """The id is taken."""


class NotFound(StoreError):
    """There is no account, bot or app of that id."""


class StillInUse(StoreError):
    """Something else depends on it."""


class Refusal(IntentLiveError):
    """A call is not allowed.

    `message`, `status` and `code` go on the wire; `check` (the check that failed) and `mend`
    (what to do about it) go into the log and hold no secret.
    """

    def __init__(
        self, message: str, *, check: str, mend: str, status: int = 401, code: int = 4002
    ) -> None:
        super().__init__(message)
        self.message = message
        self.check = check
        self.mend = mend
        self.status = status
        self.code = code
