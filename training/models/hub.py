"""Whether a hub model can be had, asked once and briefly: a run would ask five times, for minutes, in every process."""

from __future__ import annotations

from factsurv.events.errors import InputError
from factsurv.training.models.load import locate
from factsurv.training.models.scratch_model import check_scratch
from factsurv.training.spec import ModelSpec

SECONDS = 10  # for one answer
# What the hub says of a file that it does not give.
REFUSALS = {
    401: "the hub has no such model, or it needs a login",
    403: "the hub gives it only to those who accepted its terms",
    404: "the hub has no such model or revision",
}


class Unreachable(InputError):
    """Whether there is such a model cannot be told from here."""


def check_model(spec: ModelSpec) -> None:
    """Find a model before any work starts: its file, folder or package, or the hub that has it.

    Raises
    ------
    InputError
    """
    if spec.name == "tiny":
        return
    if spec.name == "scratch":
        check_scratch(spec)
    elif locate(spec).identity.startswith("hub:"):
        _check_hub(spec.name, spec.revision or "main")


def check_series(spec: ModelSpec) -> None:
    """Find a series before any work starts: its names and positions, a tokenizer for all, and the hub's first revision.

    Raises
    ------
    InputError
        As `factsurv.training.models.series.series_of` and `check_tokenizers`, or if none of its checkpoints is there.
    """
    from factsurv.training.models.series import check_tokenizers, series_of

    series = series_of(spec)
    if spec.name == "tiny":
        return
    if series.members[0].identity().startswith("hub:"):
        _check_hub(spec.name, series.members[0].model.revision or "main")
        return
    if all(m.identity() == "missing" for m in series.members):
        check_model(series.members[0].model)
    check_tokenizers(series.members)


def _check_hub(name: str, revision: str) -> None:
    import huggingface_hub as hub
    from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils import build_hf_headers, get_session

    where = "model.name"
    try:
        if isinstance(hub.try_to_load_from_cache(name, "config.json", revision=revision), str):
            return  # downloaded before
        url = hub.hf_hub_url(name, "config.json", revision=revision)
        answer = get_session().head(url, headers=build_hf_headers(), timeout=SECONDS, follow_redirects=True)
    except HFValidationError as error:
        what = f"{name[:80]!r} is no name of a hub model, and no folder or file of that name is here"
        raise InputError(what, where, "name a hub model (org/name), a folder, or a .gguf file") from error
    except OfflineModeIsEnabled as error:
        remedy = "unset HF_HUB_OFFLINE, download it first, or name a folder"
        raise Unreachable(f"{name} was never downloaded, and the hub is switched off", where, remedy) from error
    except Exception as error:  # of the network, by whichever library the hub's client uses
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = "check the connection, download it first, or name a folder made by save_pretrained"
        raise Unreachable(f"{name} was never downloaded, and the hub does not answer ({why})", where, remedy) from error
    if answer.status_code in REFUSALS:
        remedy = "check model.name and model.revision; `hf auth login` if it needs a login"
        raise InputError(f"{name} (revision {revision}): {REFUSALS[answer.status_code]}", where, remedy)
