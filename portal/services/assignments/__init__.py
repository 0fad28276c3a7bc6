"""Who works on what: pull under leases, release and skip, and a manager's push."""

from portal.services.assignments.claiming import claim as claim
from portal.services.assignments.claiming import reserve as reserve
from portal.services.assignments.exams import exam_of as exam_of
from portal.services.assignments.exams import exams_of as exams_of
from portal.services.assignments.exams import rules_of as rules_of
from portal.services.assignments.fitting import pools_of as pools_of
from portal.services.assignments.leases import expire_stale as expire_stale
from portal.services.assignments.leases import heartbeat as heartbeat
from portal.services.assignments.leases import note_foreign as note_foreign
from portal.services.assignments.leases import release as release
from portal.services.assignments.leases import revoke as revoke
from portal.services.assignments.leases import save_draft as save_draft
from portal.services.assignments.leases import skip as skip
from portal.services.assignments.pushing import PlannedPair as PlannedPair
from portal.services.assignments.pushing import auto_assign as auto_assign
from portal.services.assignments.pushing import plan as plan
