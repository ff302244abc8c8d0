"""The practice Twilio: `/2010-04-01/...` (api.twilio.com) and `/v1/Trunks...` (trunking.twilio.com)."""
