"""The practice Genesys Cloud: `/api/v2/...` and `/oauth/token`."""
