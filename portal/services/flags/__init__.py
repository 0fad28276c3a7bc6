"""Signs of careless work: looked for, laid before a manager, decided by a person; gold's verdicts.

seeking (from captions) · golds (quarantine proposed, ended by gold) → deciding (confirm, dismiss).
"""

from portal.services.flags.deciding import confirm, dismiss
from portal.services.flags.golds import free_leases, weigh_gold
from portal.services.flags.seeking import due, seek

__all__ = ["confirm", "dismiss", "due", "free_leases", "seek", "weigh_gold"]
