"""A table of a file that a person wrote (TOML): its keys are known, its values possible, and each is said once."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

# What an int32 column and an integer of R hold: seeds, steps and counts are written to tables.
LARGEST = 2**31 - 1

Whole = Annotated[int, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Amount = Annotated[float, Field(gt=0, le=1e9)]
Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(gt=0, le=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
NAME, LONGEST_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$", 100
Name = Annotated[str, Field(pattern=NAME, max_length=LONGEST_NAME)]  # of a folder or a part of one


class Section(BaseModel):
    """A table of the file: unknown keys are errors, and values do not change after reading.

    Nothing is turned into something else (`"10"`, `true` and `10.0` are no whole numbers), no number is infinite or
    NaN, and no list holds a value twice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _each_value_once(cls, value: Any) -> Any:
        for at, values in value.items() if isinstance(value, dict) else [("", value)]:
            twice = repeated(values) if isinstance(values, list) else []
            if twice:
                raise ValueError(f"{twice[0]!r} stands twice" + (f" under {at}" if at else ""))
        return value


def repeated(values: list) -> list:
    """Texts and numbers that a list holds more than once, each once."""
    counts = Counter(v for v in values if isinstance(v, str | int | float))
    return [v for v, n in counts.items() if n > 1]
