"""Who may see what, by brute force: every rule read aloud over the rows as they stand, for one document at a time.

Written apart from the product and in another way: it starts from the document, not from the asker, knows no labels,
no usersets, no indexes and no Cedar, and remembers nothing from one question to the next.
"""

from dataclasses import dataclass

from infra.leaks.bearer import Asking, Bearer
from infra.leaks.world import SOURCE, Doc, World


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the asker may see the document, and the rule that decided it, in words."""

    may: bool
    why: str


def allowed(world: World, asking: Asking) -> dict[str, Doc]:
    """Record id -> every document that the asker may see with this question. Leaves limits and budgets aside."""
    return {doc.record_id: doc for doc in world.docs.values() if judge(world, asking, doc).may}


def may_ask(bearer: Bearer) -> bool:
    """Whether the token leaves anything to search at all; if not, a refusal is the right answer."""
    return all(
        (hand.operations is None or "search" in hand.operations) and (hand.sources is None or SOURCE in hand.sources)
        for hand in bearer.chain
    )


def most(asking: Asking) -> int:
    """How many documents the answer may hold: the least of its limit and of what each hand left."""
    budgets = [hand.rows for hand in asking.bearer.chain if hand.rows is not None]
    return min([asking.question.limit, *budgets])


def judge(world: World, asking: Asking, doc: Doc) -> Verdict:
    """May this asker see this document now?"""
    who = asking.bearer
    if not may_ask(who):
        return Verdict(False, "the token leaves no search of this source")
    if doc.tenant != who.tenant:
        return Verdict(False, f"it belongs to {doc.tenant}, who asks to {who.tenant}")
    if against := _against(asking, doc):
        return Verdict(False, against)
    if doc.denied is not None and is_one_of(world, who, doc.denied):
        return Verdict(False, f"it is denied to {doc.denied}")
    if doc.owner == who.person:
        return Verdict(True, "its owner asks")
    if doc.folder is not None and may_view(world, who, doc.folder):
        return Verdict(True, f"its folder {doc.folder} is open to who asks")
    return Verdict(False, f"its owner is {doc.owner}, and its folder {doc.folder} is not open to who asks")


def _against(asking: Asking, doc: Doc) -> str:
    """The ceiling or the policy that takes the document away, whoever reaches it; "" where none does."""
    who, purpose = asking.bearer, asking.question.purpose
    for hand in who.chain:
        for name, values in hand.ceiling.items():
            if {"classification": doc.classification, "region": doc.region}[name] not in values:
                return f"its {name} is above a ceiling of the token"
    cleared = who.attributes.get("clearance") == "high" and purpose == "audit"
    if doc.classification not in ("public", "internal") and not cleared:
        return "it is a secret, or may be one"
    if doc.region == "eu" and who.attributes.get("region") != "eu":
        return "it is of Europe"
    if doc.region == "asia" and who.agent:
        return "it is of Asia, and a program asks"
    if doc.state == "draft" and purpose not in ("review", "audit"):
        return "it is a draft"
    return ""


def may_view(world: World, who: Bearer, folder: str) -> bool:
    """Whether some folder from this one up names the asker, and none of them bans it."""
    line = ancestry(world, who.tenant, folder)
    if any(is_one_of(world, who, name) for one in line for name in world.of("bans", who.tenant, one)):
        return False
    grants = [name for one in line for table in ("viewers", "editors") for name in world.of(table, who.tenant, one)]
    return any(is_one_of(world, who, name) for name in grants)


def ancestry(world: World, tenant: str, folder: str) -> list[str]:
    """The folder, the one it is in, and so on; each once, should they stand in a circle."""
    line: list[str] = []
    step: str | None = folder
    while step is not None and step not in line:
        line.append(step)
        step = world.folders.get((tenant, step))
    return line


def is_one_of(world: World, who: Bearer, name: str, asked: tuple[str, ...] = ()) -> bool:
    """Whether a name means the asker: itself, everyone, or a team it is in, by however many other teams."""
    if name in ("user:*", "public:*", f"user:{who.person}"):
        return True
    if not name.startswith("team:") or name in asked:
        return False
    team = name.removeprefix("team:").removesuffix("#member")
    return any(is_one_of(world, who, member, (*asked, name)) for member in world.of("members", who.tenant, team))
