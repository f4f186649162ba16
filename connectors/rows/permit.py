"""Stage 3, permit: a row's permission label, and what the row grants to others. Pure."""

from typing import Any

from schemas.contract import Permissions, TableContract
from schemas.errors import Rejected
from schemas.label import Label
from schemas.relation import RelationTuple
from schemas.template import Template

LONGEST_NAME = 1000
"""Characters of a tenant, principal, userset or attribute."""


def label_of(row: dict[str, Any], permissions: Permissions) -> Label:
    """Fill the permission templates. Raises Rejected(no_permission): without tenant and reader nobody may see it."""
    tenant = _name(permissions.tenant, row)
    readers = _filled(permissions.readers, row)
    if not tenant:
        raise Rejected("no_permission", f"no tenant: {permissions.tenant.text!r} is null or empty in this row")
    if not readers:
        raise Rejected("no_permission", "no reader: every entry of permissions.readers is null in this row")
    attributes = {name: _name(template, row) for name, template in permissions.attributes.items()}
    return Label(
        tenant=tenant,
        readers=readers,
        denied=_filled(permissions.denied, row),
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def granted_by(row: dict[str, Any], contract: TableContract) -> tuple[RelationTuple, ...]:
    """The relation tuples a row stands for; a rule with a null column grants nothing."""
    tuples = []
    for rule in contract.relation:
        tenant, obj, subject = _name(rule.tenant, row), _name(rule.object, row), _name(rule.subject, row)
        if tenant and obj and subject:
            tuples.append(RelationTuple(tenant=tenant, object=obj, relation=rule.relation, subject=subject))
    return tuple(tuples)


def _filled(templates: tuple[Template, ...], row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(text for text in (_name(template, row) for template in templates) if text)


def _name(template: Template, row: dict[str, Any]) -> str | None:
    """A filled principal or userset. A column's value may not turn it into another kind of name.

    `user:{owner}` with the value `*` would mean everybody, with `x#member` a userset. A template that is one column
    and nothing else takes such names as they are: there the column is meant to hold them.
    """
    text = template.render(row)
    if text is not None and len(text) > LONGEST_NAME:
        raise Rejected(
            "no_permission", f"{template.text!r} became a name of {len(text)} characters, {LONGEST_NAME} at most"
        )
    if text is None or template.text == "{" + "".join(template.columns) + "}":
        return text
    for mark in "*#":
        if text.count(mark) != template.text.count(mark):
            raise Rejected("no_permission", f"{template.text!r} got a value with {mark!r}, which means something else")
    return text
