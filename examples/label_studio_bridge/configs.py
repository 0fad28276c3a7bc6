"""A labelling configuration of Label Studio, as far as captions need it."""

from dataclasses import dataclass
from xml.etree import ElementTree

DEFAULT = """<View>
  <Video name="video" value="$video"/>
  <TextArea name="caption" toName="video" editable="true" maxSubmissions="1"/>
</View>"""


class NoCaptions(Exception):
    """The configuration has no text area for captions; the message says what is missing."""


@dataclass(frozen=True)
class Config:
    """Where captions go: control `from_name` on object `to_name`, which shows `data[field]`."""

    xml: str
    from_name: str
    to_name: str
    field: str


def parse(xml: str) -> Config:
    """Find the first TextArea and the object that it is about; raise NoCaptions."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise NoCaptions("A labelling configuration declares no entities.")
    try:
        tags = list(ElementTree.fromstring(xml).iter())
    except ElementTree.ParseError as error:
        raise NoCaptions(f"The labelling configuration is no XML: {error}.") from error
    area = next((tag for tag in tags if tag.tag == "TextArea"), None)
    if area is None or not area.get("name") or not area.get("toName"):
        raise NoCaptions("The labelling configuration has no TextArea with name and toName.")
    shown = next((tag for tag in tags if tag.get("name") == area.get("toName")), None)
    value = "" if shown is None else shown.get("value", "")
    if not value.startswith("$") or len(value) < 2:
        raise NoCaptions(f"Nothing named {area.get('toName')} shows a $value.")
    return Config(xml, area.attrib["name"], area.attrib["toName"], value[1:])
