"""Webhook endpoints and their deliveries: for managers, and tokens that manage them."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer, parse_uid
from portal.api.consensus import NoInput
from portal.api.fields import Body, Flag, Text
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import InvalidInput
from portal.models import Delivery, Endpoint
from portal.models.events import EVENT_TYPES, DeliveryState
from portal.models.tokens import Scope
from portal.services import webhooks

NEED = Need(Scope.WEBHOOKS, MANAGERS)


class EndpointInput(Body):
    """Where events go; no `events` is all of them."""

    url = Text(max_length=500)
    events = serializers.ListField(
        child=serializers.ChoiceField(EVENT_TYPES), required=False, max_length=20
    )
    project = Text(required=False)


class EndpointChange(Body):
    """What is to change."""

    url = Text(max_length=500, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(EVENT_TYPES), required=False, max_length=20
    )
    is_active = Flag(required=False)


class EndpointOutput(serializers.Serializer[Any]):
    """Where events go."""

    uid = serializers.UUIDField()
    project = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()
    disabled_reason = serializers.CharField(allow_blank=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class NewEndpointOutput(EndpointOutput):
    """An endpoint with its secret, which is shown only now."""

    secret = serializers.CharField()


class SecretOutput(serializers.Serializer[Any]):
    """A new secret."""

    uid = serializers.UUIDField()
    secret = serializers.CharField(help_text="Shown only now; the old one signs along for a day.")


class PingOutput(serializers.Serializer[Any]):
    """The event that was sent."""

    event = serializers.UUIDField()


class AttemptOutput(serializers.Serializer[Any]):
    """One try."""

    number = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    milliseconds = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class DeliveryOutput(serializers.Serializer[Any]):
    """One event's way to one endpoint."""

    id = serializers.IntegerField()
    event = serializers.UUIDField(help_text="The webhook-id that the receiver sees.")
    type = serializers.CharField()
    state = serializers.ChoiceField(DeliveryState.choices)
    n_attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptOutput(many=True)
    created_at = serializers.DateTimeField()


class EndpointsView(PortalView):
    """The project's endpoints."""

    needs: ClassVar = {"GET": NEED, "POST": NEED}
    is_paged = True
    filters: ClassVar = {"project": queries.text("The project's slug.")}

    @documented("list_webhooks", "List webhook endpoints", answers={200: page_of(EndpointOutput)})
    def get(self, request: Request) -> Response:
        return paged(self, self.project().endpoints.select_related("project"), describe)

    @documented(
        "add_webhook", "Add an endpoint", body=EndpointInput, answers={201: NewEndpointOutput}
    )
    def post(self, request: Request) -> Response:
        data = self.body(request, EndpointInput)
        endpoint, secret = webhooks.add_endpoint(
            project=self.project(data.get("project")),
            url=data["url"],
            events=data.get("events", []),
            actor=self.caller.actor,
        )
        return answer(describe(endpoint) | {"secret": secret}, created=True)


class OneEndpointView(PortalView):
    """The base of views of one endpoint."""

    def endpoint(self, uid: str) -> Endpoint:
        """Return the endpoint that the address names."""
        return self.find(Endpoint.objects.select_related("project"), uid=parse_uid(uid))


class EndpointView(OneEndpointView):
    """One endpoint."""

    needs: ClassVar = {"GET": NEED, "PATCH": NEED, "DELETE": NEED}

    @documented("get_webhook", "Read an endpoint", answers={200: EndpointOutput})
    def get(self, request: Request, uid: str) -> Response:
        return Response(describe(self.endpoint(uid)))

    @documented(
        "change_webhook", "Change an endpoint", body=EndpointChange, answers={200: EndpointOutput}
    )
    def patch(self, request: Request, uid: str) -> Response:
        endpoint = self.endpoint(uid)
        data = self.body(request, EndpointChange)
        if not data:
            raise InvalidInput.on("url", "Name what is to change.", "required")
        changed = webhooks.change_endpoint(endpoint=endpoint, actor=self.caller.actor, **data)
        return Response(describe(changed))

    @documented("remove_webhook", "Remove an endpoint", answers={204: "Removed."})
    def delete(self, request: Request, uid: str) -> Response:
        webhooks.remove_endpoint(endpoint=self.endpoint(uid), actor=self.caller.actor)
        return Response(status=204)


class PingView(OneEndpointView):
    """A message that means nothing, to see whether it arrives."""

    needs: ClassVar = {"POST": NEED}
    body_is_optional = True

    @documented("ping_webhook", "Send a ping", body=NoInput, answers={201: PingOutput})
    def post(self, request: Request, uid: str) -> Response:
        endpoint = self.endpoint(uid)
        self.body(request, NoInput)
        return answer({"event": str(webhooks.ping(endpoint=endpoint).uid)}, created=True)


class RotateView(OneEndpointView):
    """A new secret."""

    needs: ClassVar = {"POST": NEED}
    body_is_optional = True

    @documented("rotate_webhook", "Rotate the secret", body=NoInput, answers={200: SecretOutput})
    def post(self, request: Request, uid: str) -> Response:
        endpoint = self.endpoint(uid)
        self.body(request, NoInput)
        secret = webhooks.rotate(endpoint=endpoint, actor=self.caller.actor)
        return answer({"uid": str(endpoint.uid), "secret": secret})


class DeliveriesView(OneEndpointView):
    """What was sent to one endpoint, and how it went."""

    needs: ClassVar = {"GET": NEED}
    is_paged = True
    filters: ClassVar = {
        "state": queries.choice("How far it is.", tuple(DeliveryState.values), "state")
    }

    @documented("list_deliveries", "List deliveries", answers={200: page_of(DeliveryOutput)})
    def get(self, request: Request, uid: str) -> Response:
        rows = narrow(self, self.endpoint(uid).deliveries.select_related("event"))
        return paged(self, rows.prefetch_related("attempts"), describe_delivery)


class RedeliverView(PortalView):
    """Once more, under the same id."""

    needs: ClassVar = {"POST": NEED}
    body_is_optional = True

    @documented("redeliver", "Send a delivery again", body=NoInput, answers={200: DeliveryOutput})
    def post(self, request: Request, pk: str) -> Response:
        rows = Delivery.objects.select_related("event", "endpoint")
        delivery = self.find(rows, project="endpoint__project_id", pk=pk)
        self.body(request, NoInput)
        return answer(describe_delivery(webhooks.redeliver(delivery=delivery)))


def describe(endpoint: Endpoint) -> dict[str, Any]:
    """Write an endpoint; its secret is never read again."""
    return {
        "uid": str(endpoint.uid),
        "project": endpoint.project.slug,
        "url": endpoint.url,
        "events": endpoint.events,
        "is_active": endpoint.is_active,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": iso(endpoint.failing_since),
        "created_at": iso(endpoint.created_at),
    }


def describe_delivery(delivery: Delivery) -> dict[str, Any]:
    """Write a delivery with its attempts."""
    is_pending = delivery.state == DeliveryState.PENDING
    return {
        "id": delivery.pk,
        "event": str(delivery.event.uid),
        "type": delivery.event.type,
        "state": delivery.state,
        "n_attempts": delivery.n_attempts,
        "next_attempt_at": iso(delivery.next_attempt_at) if is_pending else None,
        "delivered_at": iso(delivery.delivered_at),
        "attempts": [
            {
                "number": attempt.number,
                "status": attempt.status,
                "error": attempt.error,
                "milliseconds": attempt.milliseconds,
                "created_at": iso(attempt.created_at),
            }
            for attempt in delivery.attempts.all()
        ],
        "created_at": iso(delivery.created_at),
    }
