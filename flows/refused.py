"""What the system refuses, wherever it does, as a message with a remedy."""

from __future__ import annotations

import errno

from factsurv.events.errors import InputError

_AGAIN = "and run the same command again: finished steps are kept and skipped"
REMEDIES = (
    dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), f"free some space {_AGAIN}")
    | dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "name a file or folder that you may write to and read")
    | dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP), "name another place, or move that away")
    | {errno.ENAMETOOLONG: "choose a shorter name", errno.EIO: f"see to the disk {_AGAIN}"}
    | dict.fromkeys((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN), f"end other programs {_AGAIN}")
)


def as_message(error: Exception) -> InputError | None:
    """The error for people; None where it is a fault of ours."""
    if isinstance(error, OSError) and error.errno in REMEDIES:
        return InputError(error.strerror or "", error.filename or "", REMEDIES[error.errno])
    return error if isinstance(error, InputError) else None
