"""The managers' console: Django's admin over the portal's rows, one module a noun.

Lists and forms are scoped by `base.ScopedAdmin`; whatever has a consequence goes through a service
by way of `acts`; the first page is `dashboards`.
"""

from portal.admin import (
    annotations,
    annotators,
    assignments,
    consensus,
    evaluations,
    events,
    exports,
    flags,
    imports,
    members,
    pools,
    predictions,
    preferences,
    projects,
    retraining,
    tasks,
    users,
    verifications,
    versions,
    videos,
    votes,
    webhooks,
)

__all__ = [
    "annotations",
    "annotators",
    "assignments",
    "consensus",
    "evaluations",
    "events",
    "exports",
    "flags",
    "imports",
    "members",
    "pools",
    "predictions",
    "preferences",
    "projects",
    "retraining",
    "tasks",
    "users",
    "verifications",
    "versions",
    "videos",
    "votes",
    "webhooks",
]
