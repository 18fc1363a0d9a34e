"""IntentLive: what a bot's callers wanted and how it ended, seconds after it happened.

The way of an event: `ingest` (bytes to events), `core` (observe, join), `intake` (many requests,
one transaction), `stores`. The way of a question: `auth`, `latest` (rendered bytes per bot).
`app` puts the parts together, `cli` starts them.
"""

__version__ = "0.4.0"
