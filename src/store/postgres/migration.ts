/** The tables of `PostgresStore`, by version. */

/** Each version's statements. A version that was published never changes. */
const VERSIONS: readonly string[] = [
  `
    CREATE TABLE cloudllm_sessions (
      id text COLLATE "C" PRIMARY KEY,
      next bigint NOT NULL DEFAULT 1,
      updated_at bigint,
      holder text,
      held_until bigint NOT NULL DEFAULT 0
    );
    COMMENT ON COLUMN cloudllm_sessions.next IS 'number of the next batch of records';
    COMMENT ON COLUMN cloudllm_sessions.updated_at IS 'milliseconds since 1970; null without records';
    COMMENT ON COLUMN cloudllm_sessions.holder IS 'token of the lease of the one writer';
    CREATE INDEX cloudllm_sessions_latest ON cloudllm_sessions (updated_at DESC, id) WHERE updated_at IS NOT NULL;
    CREATE INDEX cloudllm_sessions_holder ON cloudllm_sessions (holder) WHERE holder IS NOT NULL;
    CREATE TABLE cloudllm_records (
      session text COLLATE "C" NOT NULL REFERENCES cloudllm_sessions (id) ON DELETE CASCADE,
      number bigint NOT NULL,
      records text NOT NULL,
      PRIMARY KEY (session, number)
    );
    COMMENT ON COLUMN cloudllm_records.records IS 'JSON array; text, because jsonb refuses some characters and numbers';`,
  `
    ALTER TABLE cloudllm_sessions ADD COLUMN title text;`,
];

/** Any number that no other program uses for `pg_advisory_lock`. */
const LOCK = 7_093_417_112_605;

/** One statement: several at once are not possible over HTTP, and a lock needs one connection. */
export const POSTGRES_MIGRATION: string = `DO $cloudllm$
BEGIN
  PERFORM pg_advisory_xact_lock(${LOCK});
  IF to_regclass('cloudllm_migrations') IS NULL THEN
    CREATE TABLE cloudllm_migrations (name text, version int, PRIMARY KEY (name, version));
  END IF;${VERSIONS.map(step).join("")}
END
$cloudllm$`;

function step(statements: string, index: number): string {
  const version = index + 1;
  return `
  IF NOT EXISTS (SELECT FROM cloudllm_migrations WHERE name = 'sessions' AND version = ${version}) THEN${statements}
    INSERT INTO cloudllm_migrations (name, version) VALUES ('sessions', ${version});
  END IF;`;
}
