"""`get group …`: the groups of address books and of services."""

from __future__ import annotations

from nsemu.cli.grammar import choice, keyword
from nsemu.cli.show.address import ADDRESS_GROUP
from nsemu.cli.show.service import SERVICE_GROUP

GROUP = keyword("group", "show groups", choice(ADDRESS_GROUP, SERVICE_GROUP))
