"""What all tables of the register have in common."""

from sqlalchemy.orm import registry as orm_registry
from sqlmodel import SQLModel


class Rows(SQLModel, registry=orm_registry()):
    """Metadata of this service's tables alone."""
