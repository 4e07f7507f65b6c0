CREATE TABLE IF NOT EXISTS oidc_sessions (
  name text PRIMARY KEY,        -- SHA-256 of the handle
  revision integer NOT NULL,
  issued_at bigint NOT NULL,    -- seconds since 1970, like all instants here
  expires_at bigint NOT NULL,
  belongs_to text[] NOT NULL,   -- HMACs of its id, its subject and its provider session
  session bytea NOT NULL,       -- sealed under the secret and the handle
  summary bytea NOT NULL        -- sealed under the secret: who, and since when
);
CREATE INDEX IF NOT EXISTS oidc_sessions_belongs_to ON oidc_sessions USING gin (belongs_to);
CREATE INDEX IF NOT EXISTS oidc_sessions_expires_at ON oidc_sessions (expires_at);

-- What was revoked: a session that belongs to the name and was issued by then is over.
CREATE TABLE IF NOT EXISTS oidc_ends (
  name text PRIMARY KEY,
  issued_by bigint NOT NULL,
  kept_until bigint NOT NULL
);
