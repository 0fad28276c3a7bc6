"""Predictions in bulk: any number of rows, each answered for, stored in blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import msgspec
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView
from portal.api.json import Line
from portal.api.lines import PredictionArray, PredictionLines
from portal.api.permissions import MANAGERS, Need
from portal.api.predictions import SUPERSEDE, PredictionInput, to_item
from portal.api.schema import documented
from portal.errors import PortalError
from portal.models import Project
from portal.models.tokens import Scope
from portal.services import predictions
from portal.services.predictions import PredictionItem, RowResult

BLOCK = 5000
MOST_ERRORS_LISTED = 1000
DRY_RUN = {"dry_run": queries.flag("Check everything and keep nothing.")}


class RowProblemOutput(serializers.Serializer[Any]):
    """What is wrong with one field of one row."""

    index = serializers.IntegerField()
    line = serializers.IntegerField(allow_null=True, help_text="Of NDJSON, from 1.")
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class BulkOutput(serializers.Serializer[Any]):
    """What became of a batch; bad rows are listed, the others are stored."""

    received = serializers.IntegerField()
    created = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    superseded = serializers.IntegerField()
    failed = serializers.IntegerField()
    errors = RowProblemOutput(many=True, help_text=f"The first {MOST_ERRORS_LISTED}.")
    dry_run = serializers.BooleanField()


@dataclass
class Tally:
    """Counts over the blocks of one bulk call."""

    dry_run: bool
    received: int = 0
    created: int = 0
    unchanged: int = 0
    superseded: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, index: int, line: int | None, error: PortalError) -> None:
        """Count one bad row."""
        self.failed += 1
        listed = error.errors or [{"field": "body", "code": error.code, "message": error.detail}]
        if len(self.errors) < MOST_ERRORS_LISTED:
            self.errors += [{"index": index, "line": line} | dict(each) for each in listed]

    def add(self, rows: Iterable[RowResult], places: list[tuple[int, int | None]]) -> None:
        """Count one block's results; `places` are its rows' index and line."""
        for row in rows:
            if row.error is not None:
                self.refuse(*places[row.index], row.error)
            else:
                setattr(self, row.status, getattr(self, row.status) + 1)


class BulkView(PortalView):
    """Many predictions: a JSON array, or NDJSON of any length, stored in blocks of 5,000.

    A bad row does not stop the others. An array that is not JSON stores nothing; where an NDJSON
    body breaks off, what came before is stored and sending it all again is harmless.
    """

    needs: ClassVar = {"POST": Need(Scope.INGEST, MANAGERS)}
    parser_classes = (PredictionArray, PredictionLines)
    post_filters: ClassVar = SUPERSEDE | DRY_RUN | {"project": queries.text("The project's slug.")}

    @documented(
        "post_predictions",
        "Post many predictions",
        body={
            "application/json": PredictionInput(many=True),
            "application/x-ndjson": PredictionInput(many=True),
        },
        answers={200: BulkOutput},
    )
    def post(self, request: Request) -> Response:
        tally = Tally(dry_run=self.query.get("dry_run", False))
        project = self.project()
        rows = _lines(request.data)
        while block := list(islice(rows, BLOCK)):
            self._store(project, block, tally)
        return Response(msgspec.to_builtins(tally))

    def _store(self, project: Project, block: list[Line], tally: Tally) -> None:
        items: list[PredictionItem] = []
        places: list[tuple[int, int | None]] = []
        for line in block:
            index, number = tally.received, line.number or None
            tally.received += 1
            try:
                if line.error is not None:
                    raise line.error
                is_typed = isinstance(line.value, PredictionItem)
                items.append(line.value if is_typed else to_item(line.value))
                places.append((index, number))
            except PortalError as error:
                tally.refuse(index, number, error)
        report = predictions.ingest(
            project=project,
            items=items,
            supersede=self.query.get("supersede", False),
            dry_run=tally.dry_run,
        )
        tally.add(report.rows, places)


def _lines(data: Any) -> Iterator[Line]:
    """Give both kinds of body as lines; an array's have no numbers."""
    if isinstance(data, list):
        return (Line(0, value) for value in data)
    return iter([Line(0, data)]) if isinstance(data, dict) else data
