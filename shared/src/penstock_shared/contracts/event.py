"""The message: a CloudEvents 1.0 JSON event.

Format: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md and,
for `traceparent`, its distributed-tracing extension. `dataversion` and `hop` are our own
extension attributes.
"""

from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from penstock_shared.contracts.model import Contract, FlowId, Moment
from penstock_shared.errors import RefusedMessageError
from penstock_shared.identifiers import event_id_for

MAX_ROUNDS = 16
"""The most rounds of a flow. A release takes six; a flow with more than this goes in circles, which
Lambda's own recursion guard does not detect across several functions."""


Traceparent = Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$")]


class Topic(str):
    """The short name of an SNS topic."""


class Queue(str):
    """The short name of an SQS queue that events are sent to directly."""


class EventData(Contract):
    """The payload of one type of event. Subclasses register themselves by their type."""

    type: ClassVar[str]
    data_version: ClassVar[int] = 1
    channel: ClassVar[Topic | Queue]
    advances: ClassVar[bool] = True
    """Whether this event hands the flow on to another service, which counts as a round. Events of
    jobs, of a service to itself, and of flows that end do not count: their number is unlimited."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "type" in cls.__dict__:
            _KNOWN[cls.type] = cls

    def identity(self) -> str:
        """What distinguishes this outcome from others of its type in the same flow."""
        return ""

    def strands(self, flow_id: str) -> str | None:
        """The flow that would wait forever if this event cannot be handled; None if none would.

        `flow_id` is the subject of the event.
        """
        return flow_id

    def attributes(self) -> dict[str, str]:
        """Further message attributes, beside `type`, that subscriptions filter on."""
        return {}

    def destination(self) -> Topic | Queue:
        """Where this event goes: its channel, or one of several queues that this begins."""
        return self.channel

    @classmethod
    def upcast(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Turn the data of the previous version into this version's."""
        return data


_KNOWN: dict[str, type[EventData]] = {}

DataT = TypeVar("DataT", bound=EventData, covariant=True)
NewDataT = TypeVar("NewDataT", bound=EventData)


class Event(Contract, Generic[DataT]):
    """One thing that happened in one flow. `subject` is the flow's id."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: FlowId
    time: Moment
    datacontenttype: Literal["application/json"] = "application/json"
    dataversion: int = 1
    traceparent: Traceparent
    hop: int = Field(default=0, ge=0)
    data: DataT

    @model_validator(mode="after")
    def _type_is_the_data_s(self) -> Self:
        if self.type != self.data.type:
            raise ValueError(f"type {self.type!r} does not go with {self.data.type!r} data")
        return self

    @property
    def flow_id(self) -> str:
        """The id of the flow that this event belongs to."""
        return self.subject


class Envelope(BaseModel):
    """The attributes of an event, which are readable even where its data is not."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    type: str
    subject: FlowId
    traceparent: Traceparent
    hop: int = 0


def make_event(
    data: NewDataT, *, flow_id: str, source: str, time: Moment, traceparent: str, hop: int
) -> Event[NewDataT]:
    """Wrap data into an event. Its id is the same each time this outcome is published."""
    return Event(
        id=event_id_for(flow_id, data.type, data.identity()),
        source=source,
        type=data.type,
        subject=flow_id,
        time=time,
        dataversion=data.data_version,
        traceparent=traceparent,
        hop=hop,
        data=data,
    )


def known_event_types() -> dict[str, type[EventData]]:
    """Every type of event that is defined, by its name."""
    return dict(_KNOWN)


def encode(event: Event[EventData]) -> str:
    """The event as its JSON text."""
    return event.model_dump_json(exclude_none=True, serialize_as_any=True)


def decode(text: str | bytes) -> Event[EventData]:
    """Read an event of any known type, in its current or its previous version.

    Raises RefusedMessageError with the reason when the text is not a known event.
    """
    raw = _parse(text)
    data_class = _KNOWN.get(str(raw.get("type")))
    if data_class is None:
        raise RefusedMessageError(f"unknown event type {raw.get('type')!r}")
    version = raw.get("dataversion", 1)
    if version not in {data_class.data_version, data_class.data_version - 1}:
        raise RefusedMessageError(
            f"version {version!r} of {data_class.type} is not accepted; "
            f"this service reads version {data_class.data_version} and the one before"
        )
    try:
        if version != data_class.data_version:
            raw |= {"data": data_class.upcast(raw["data"]), "dataversion": data_class.data_version}
        return Event[data_class].model_validate(raw)  # type: ignore[valid-type]  # chosen at run time
    except ValidationError as error:
        raise RefusedMessageError(f"not a valid {data_class.type}: {_first_of(error)}") from error


def read_envelope(text: str | bytes) -> Envelope | None:
    """The envelope of a message; None when it is not an event of a flow."""
    try:
        return Envelope.model_validate_json(text)
    except ValidationError:
        return None


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        raw = from_json(text)
    except ValueError as error:
        raise RefusedMessageError(f"not JSON: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("data"), dict):
        raise RefusedMessageError("not a CloudEvents object with data")
    return raw


def _first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
