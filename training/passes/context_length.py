"""Whether prompts fit into the model's context."""

from __future__ import annotations

from transformers import PreTrainedModel

from factsurv.events.errors import InputError


def check_context(model: PreTrainedModel, longest: int, where: str, remedy: str) -> None:
    """Refuse prompts that are longer, with answer and terminator, than the model's context.

    Raises
    ------
    InputError
    """
    limit = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    if limit and longest + 1 > limit:
        raise InputError(
            f"the longest prompt has {longest + 1} tokens with its answer and end, the model's context holds {limit}",
            where,
            remedy,
        )
