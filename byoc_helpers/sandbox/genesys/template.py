"""The template of a "Generic BYOC Carrier" trunk: every property, its type and its default.

Keys, types, enumerations and the shape `{type, value: {default, instance}}` as in the vendor's own provisioning
wizards (premium-app wizard, telephony-provisioning guide code); the two "omit + prefix" defaults from the guide.
Older orgs are offered `…_overrideMethod`, newer ones `trunk_calling_id_priority`: a client has to look.
"""

from __future__ import annotations

from typing import Any

METABASE = "external_sip_pcv_byoc_carrier.json"
METABASES = {
    METABASE: ("Generic BYOC Carrier", "EXTERNAL"),
    "external_sip_pcv_byoc_pbx.json": ("Generic BYOC PBX", "EXTERNAL"),
}

ALWAYS = ["Always", "Unassigned DID"]
ORDER = ["Source", "Trunk", "Site", "Extension"]

# key: (type, default, what else the property says of itself)
COMMON: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "trunk_label": ("string", "", {}),
    "trunk_type": ("string", "external.pcv.byoc.carrier", {"enum": ["external.pcv.byoc.carrier"]}),
    "trunk_protocol": ("string", "SIP", {"enum": ["SIP"]}),
    "trunk_enabled": ("boolean", True, {}),
    "trunk_maxDialTimeout": ("string", "2m", {}),
    "trunk_language": ("string", "en-US", {}),
    "trunk_sip_termination_uri": ("string", "", {"pattern": r"^[A-Za-z0-9._-]{0,100}$", "required": False}),
    "trunk_sip_routingAddress": ("string", "Request-URI", {"enum": ["Request-URI", "To Header"]}),
    "trunk_routing_inbound_dnis_enabled": ("boolean", True, {}),
    "trunk_transport_protocolVariant": ("string", "udp", {"enum": ["udp", "tcp", "tls"]}),
    "trunk_transport_serverProxyList": ("array", [], {"items": {"type": "string"}, "required": True}),
    "trunk_transport_retryableReasonCodes": ("string", "500-599", {}),
    "trunk_access_acl_allowList": ("array", [], {"items": {"type": "string"}, "maxItems": 150}),
    "trunk_sip_authentication_credentials_realm": ("string", "", {}),
    "trunk_sip_authentication_credentials_username": ("string", "", {}),
    "trunk_sip_authentication_credentials_password": ("string", "", {}),
    "trunk_outboundIdentity_callingAddress": ("string", "", {"pattern": r"^(\+?[0-9]{0,15})$"}),
    "trunk_outboundIdentity_callingAddress_omitPlusPrefix": ("boolean", True, {}),
    "trunk_outboundIdentity_calledAddress_omitPlusPrefix": ("boolean", True, {}),
    "trunk_outboundIdentity_callingName": ("string", "", {"pattern": r"^[\S ]{0,40}$"}),
    "trunk_media_codec": (
        "array", ["audio/opus", "audio/pcmu", "audio/pcma"],
        {"items": {"type": "string", "enum": ["audio/opus", "audio/pcmu", "audio/pcma", "audio/g729", "audio/g722"]}},
    ),
    "trunk_media_dtmf_method": ("string", "RTP Events", {"enum": ["RTP Events", "In-band Audio", "None"]}),
    "trunk_media_dtmf_payload": ("integer", 101, {"minimum": 96, "maximum": 127}),
    "trunk_media_srtpCipherSuites": ("array", ["AES_CM_128_HMAC_SHA1_80"], {"items": {"type": "string"}}),
    "trunk_recording_enabled": ("boolean", False, {}),
    "trunk_consult_recording_enabled": ("boolean", False, {}),
    "trunk_recording_audioFormat": ("string", "audio/PCMU", {"enum": ["audio/PCMU", "audio/opus"]}),
    "trunk_recording_levelControlEnabled": ("boolean", False, {}),
    "trunk_recording_externalTransfersEnabled": ("boolean", False, {}),
    "trunk_recording_dualChannel": ("boolean", False, {}),
    "trunk_sip_conversationHeader": ("boolean", False, {}),
    "trunk_sip_uuiEnabled": ("boolean", False, {}),
    "trunk_sip_uuiHeader": ("string", "User-to-User", {}),
    "trunk_sip_uuiEncoding": ("string", "Hex", {"enum": ["Hex", "ASCII"]}),
    "trunk_sip_uuiPd": ("string", "00", {}),
    "trunk_transfer_takeback_enabled": ("boolean", False, {}),
    "trunk_rlt_enabled": ("boolean", False, {}),
}  # fmt: skip

OLDER: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "trunk_outboundIdentity_callingAddress_overrideMethod": ("string", "Unassigned DID", {"enum": ALWAYS}),
    "trunk_outboundIdentity_callingName_overrideMethod": ("string", "Unassigned DID", {"enum": ALWAYS}),
}
NEWER: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "trunk_calling_id_priority": ("array", ORDER, {"items": {"type": "string", "enum": ORDER}}),
    "trunk_outboundIdentity_suppress_username_if_did_available": ("boolean", False, {}),
    "trunk_outboundIdentity_suppress_username_if_no_did": ("boolean", False, {}),
    "trunk_routing_outbound_higher_capacity": ("boolean", False, {}),
}
PASSWORD = "trunk_sip_authentication_credentials_password"
OLDER_REGIONS = ("eu-west-1",)


def table(settings: dict[str, Any]) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """The properties this tenant's org offers: `calling_id_style` "older" or "newer", by region unless set."""
    style = settings.get("calling_id_style") or ("older" if settings["region"] in OLDER_REGIONS else "newer")
    return {**COMMON, **(OLDER if style == "older" else NEWER)}


def wrap(key: str, entry: tuple[str, Any, dict[str, Any]], instance: Any) -> dict[str, Any]:
    """A property as the API shows it. The password is write-only: a read gives it empty."""
    kind, default, rest = entry
    value = {"default": default, "instance": "" if key == PASSWORD else instance}
    return {"type": kind, **rest, "value": value}


def properties(settings: dict[str, Any], instances: dict[str, Any] | None = None) -> dict[str, Any]:
    """All properties, with these instances or the defaults."""
    held = instances or {}
    return {k: wrap(k, entry, held.get(k, entry[1])) for k, entry in table(settings).items()}
