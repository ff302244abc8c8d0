"""The SIP messages of one call between Genesys Cloud and Twilio, with the headers that the two ends' settings give.

Nothing is sent: `outbound` and `inbound` say what would be. Pure functions over plain data. Only the digest's response,
nonce and tags are left out (the password is not known here), and what only the network decides is put in words.

Sources: RFC 3261 for the order of messages; Twilio, "Elastic SIP Trunking Configuration Guides" and packet captures for
the 407 with realm sip.twilio.com (not 401: it challenges as a proxy), 400 for numbers without the plus, and
`…@pstn.twilio.com` in From; Genesys Cloud, "Configure SIP routing for a BYOC Cloud trunk" for the inbound Request-URI;
the guide's "Caller ID" for the host in From. Twilio's error numbers: its error dictionary, 32201 to 32209 and 32010.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from .crosscheck import REALM, TwilioTrunk, uncovered
from .regions import Region, twilio_signalling
from .resources.byoc_trunk import ACCESS, USER
from .resources.sip_trunk import sip_host

End = Literal["Genesys Cloud", "Twilio"]
GENESYS: End = "Genesys Cloud"
TWILIO: End = "Twilio"


@dataclass(frozen=True)
class Message:
    """One message: who sends it, its first line, the headers worth a look, and what to notice.

    `ends`: after this one there is no call.
    """

    sender: End
    line: str
    headers: tuple[str, ...] = ()
    note: str = ""
    ends: bool = False


@dataclass(frozen=True)
class Line:
    """The two ends of a trunk, as far as they are known.

    `settings` are the BYOC trunk's properties, `fqdn` is where it listens, `genesys` are the signalling addresses of its
    region (empty: not known), `twilio` is the other end (None: Twilio was not asked, and is taken to agree).
    """

    settings: Mapping[str, Any]
    fqdn: str
    genesys: tuple[str, ...] = ()
    twilio: TwilioTrunk | None = None

    @property
    def transport(self) -> str:
        return str(self.settings.get("trunk_transport_protocolVariant") or "udp").upper()

    @property
    def server(self) -> str:
        """Host of the first SIP server, without its port; "" if there is none."""
        servers = self.settings.get("trunk_transport_serverProxyList") or ("",)
        return str(servers[0]).partition(":")[0]

    @property
    def caller(self) -> str:
        return str(self.settings.get("trunk_outboundIdentity_callingAddress") or "")

    @property
    def codecs(self) -> str:
        return ", ".join(str(c).removeprefix("audio/") for c in self.settings.get("trunk_media_codec") or ()) or "no codec"


def fqdn(settings: Mapping[str, Any], region: Region, domain: str = "") -> str:
    """Where a BYOC trunk listens: its identifier in the region's BYOC domain, or in the one given."""
    return f"{settings.get('trunk_sip_termination_uri') or '–'}.{domain or region.byoc_domain}"


def outbound(line: Line, number: str) -> list[Message]:
    """A call from Genesys Cloud to this number (E.164) through Twilio's termination, up to its end or to where it fails."""
    called, caller = _shown(number, line, "called"), _shown(line.caller, line, "calling")
    uri, twilio = f"sip:{called}@{line.server}", line.twilio
    user = str(line.settings.get(USER) or "")
    realm = str(line.settings.get("trunk_sip_authentication_credentials_realm") or "")
    headers = (f"Via: SIP/2.0/{line.transport} {_one_of(line.genesys, 'a SIP address of the region')}",
               f"From: {_quoted(line.settings.get('trunk_outboundIdentity_callingName'))}<sip:{caller}@{line.server}>", f"To: <{uri}>",
               f"Contact: <sip:{caller}@{_one_of(line.genesys, 'the same address')}>")
    invite, ack = f"INVITE {uri} SIP/2.0", Message(GENESYS, f"ACK {uri} SIP/2.0")
    messages = [Message(GENESYS, invite, headers, "Twilio looks at the address it comes from, and at the host: it must be the trunk's own.")]
    if why := _not_let_in(line):
        return [*messages, Message(TWILIO, *why, True)]
    messages.append(Message(TWILIO, "SIP/2.0 100 Trying"))
    if twilio is None or twilio.users is not None:
        messages.append(Message(TWILIO, "SIP/2.0 407 Proxy Authentication Required", (f'Proxy-Authenticate: Digest realm="{REALM}", qop="auth", nonce="…"',),
                                "The address is known; now the password."))
        if realm != REALM:
            return [*messages, replace(ack, note=f'The trunk has a password for the realm "{realm}" only, so there is no answer to this challenge.', ends=True)]
        proof = f'Proxy-Authorization: Digest username="{user}", realm="{realm}", uri="{uri}", qop=auth, nonce="…", response="********"'
        messages += [ack, Message(GENESYS, invite, (proof, *headers[1:3]), "The response is made from the password; the password itself is never sent.")]
        if twilio is not None and user not in (twilio.users or ()):
            return [*messages, Message(TWILIO, "refused", (), "Twilio's error 32202: its credential list does not know this user.", True)]
        messages.append(Message(TWILIO, "SIP/2.0 100 Trying"))
    if not (called.startswith("+") and caller.startswith("+")):
        return [*messages, Message(TWILIO, "SIP/2.0 400 Bad Request", (), "Twilio takes E.164 with the plus only: see Address Omit + Prefix, and the number plan.", True), ack]
    return [*messages, *_answered(GENESYS, TWILIO, line, "The phone rings.")]


def _not_let_in(line: Line) -> tuple[str, tuple[str, ...], str] | None:
    """Twilio's first answer where that is a refusal: first line, no headers, why."""
    twilio = line.twilio
    if twilio is None:
        return None
    if line.server.lower() not in twilio.hosts:
        return "no answer", (), f"Twilio drops what is not for a host of {twilio.domain}."
    if twilio.secure and line.transport != "TLS":
        return "refused", (), f"Twilio's error 32209: the trunk is secure, and this comes over {line.transport}."
    if twilio.addresses is not None and (strangers := uncovered(line.genesys, twilio.addresses)):
        return "refused", (), f"Twilio's error 32201: its IP access control list does not know {', '.join(strangers)}."
    return None


def inbound(line: Line, number: str = "") -> list[Message]:
    """A call from the phone network to this number (E.164; empty: the trunk's own) through Twilio's origination."""
    where = line.fqdn
    if line.twilio is not None:
        urls = sorted((u for u in line.twilio.urls if u.enabled), key=lambda u: (u.priority, -u.weight))
        if not urls:
            return [Message(TWILIO, "no INVITE", (), "The Twilio trunk has no origination URL that is enabled (Twilio's error 32010).", True)]
        where = re.sub(r"^sips?:", "", urls[0].url)
    uri, ranges = f"sip:{number or line.caller}@{where}", twilio_signalling()
    headers = (f"Via: SIP/2.0/{line.transport} (Twilio's addresses: {', '.join(ranges[:2])}, …)", "From: <sip:the caller's number@pstn.twilio.com>", f"To: <{uri}>",
               "Contact: <sip:the caller's number@the same address>")
    invite = Message(TWILIO, f"INVITE {uri} SIP/2.0", headers, "Genesys Cloud knows the org by the name before its domain, and asks for no password: SIP Access Control is the lock.")
    if sip_host(f"sip:{where}") != line.fqdn.lower():
        return [invite, Message(GENESYS, "not this org's", (), f"This trunk listens at {line.fqdn}: another org gets the call, or nobody.", True)]
    locked = uncovered(ranges, line.settings.get(ACCESS) or ())
    if len(locked) == len(ranges):
        return [invite, Message(GENESYS, "refused", (), "SIP Access Control knows none of Twilio's ranges.", True)]
    answer = _answered(TWILIO, GENESYS, line, "Whoever the number is assigned to rings.")
    note = f"Calls that come from {', '.join(locked)} are refused: SIP Access Control lacks them." if locked else ""
    return [invite, Message(GENESYS, "SIP/2.0 100 Trying", (), note), *answer]


def _answered(caller: End, called: End, line: Line, rings: str) -> list[Message]:
    voice = f"Now the voice goes both ways as RTP ({line.codecs}), on addresses of its own."
    return [Message(called, "SIP/2.0 180 Ringing", (), rings), Message(called, "SIP/2.0 200 OK", (), "Somebody answers."),
            Message(caller, "ACK (the address in the 200's Contact) SIP/2.0", (), voice),
            Message(caller, "BYE (the same address) SIP/2.0", (), "Whoever hangs up first sends it."), Message(called, "SIP/2.0 200 OK")]


def _shown(number: str, line: Line, whose: Literal["calling", "called"]) -> str:
    omitted = line.settings.get(f"trunk_outboundIdentity_{whose}Address_omitPlusPrefix")
    return number.removeprefix("+") if omitted else number


def _one_of(addresses: tuple[str, ...], unknown: str) -> str:
    return addresses[0].removesuffix("/32") if addresses else f"({unknown})"


def _quoted(name: Any) -> str:
    return f'"{name}" ' if name else ""
