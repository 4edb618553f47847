"""A data set's file on the hub, fetched once and kept by the hub's own client."""

from __future__ import annotations

from pathlib import Path

from factsurv.events.errors import InputError

SECONDS = 10  # for an answer


def from_hub(place: str) -> Path:
    """Where the file of ``hub:OWNER/NAME/FILE`` lies on this machine.

    Raises
    ------
    InputError
        If the place cannot be meant, or the hub does not give the file.
    """
    import huggingface_hub as hub

    parts = place.removeprefix("hub:").split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise InputError(f"{place!r} names no file of the hub", "facts.path", "write hub:OWNER/NAME/FILE")
    repository, file = "/".join(parts[:2]), parts[2]
    try:
        return Path(hub.hf_hub_download(repository, file, repo_type="dataset", etag_timeout=SECONDS))
    except Exception as error:  # of the network, by whichever library the hub's client uses
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = "check the connection and the name, or download the file and name its path"
        raise InputError(f"the hub did not give {repository}/{file} ({why})", "facts.path", remedy) from error
