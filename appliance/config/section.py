"""What every table of the settings is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Patience = Annotated[float, Field(ge=0.0, le=600.0)]
Provider = Literal["openai", "azure"]


class Section(BaseModel):
    """One table of the file: frozen; a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
