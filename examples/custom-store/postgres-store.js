import { createHandle, endMarkLife, isHandle, nameOfHandle, nameOfTarget, StoreUnavailableError, systemClock } from 'fastify-oidc-session-store'
import { createSealedRows } from './sealed-rows.js'

const SWEEP_INTERVAL = 60
const PAGE = 500

// In the order of the row that is sealed.
const COLUMNS = '(name, revision, issued_at, expires_at, belongs_to, session, summary)'
const VALUES = '($1, $2, $3, $4, $5, $6, $7)'

/** The marks are looked at by every read and write: a login that a revocation overtook is over from its first request on. */
const isAlive = now => `expires_at > ${now} AND NOT EXISTS (
  SELECT FROM oidc_ends e WHERE e.name = ANY (belongs_to) AND e.issued_by >= issued_at AND e.kept_until > ${now})`

/**
 * Sessions in PostgreSQL.
 * @param {object} options
 * @param {{ query: (text: string, values: any[]) => Promise<{ rows: any[] }> }} options.db a PGlite, or a Pool of `pg`; it is not closed
 * @param {string} options.secret seals sessions, and names what is found by subject
 * @param {readonly string[]} [options.fallbacks] former or coming secrets: they open and never seal
 * @param {number} [options.absoluteTimeout] seconds, as `session.absolute_timeout`
 * @param {import('fastify-oidc-session-store').Clock} [options.clock]
 * @returns {import('fastify-oidc-session-store').SessionStore}
 */
export function createPostgresStore ({ db, secret, fallbacks = [], absoluteTimeout = 86400, clock = systemClock }) {
  const rows = createSealedRows({ secret, fallbacks })
  let sweptAt = clock()

  /** Whatever ails the database, nobody may take it for "no session". */
  async function query (text, ...values) {
    try {
      return (await db.query(text, values)).rows
    } catch (cause) {
      throw new StoreUnavailableError({ cause })
    }
  }

  async function sweep () {
    const now = clock()
    if (now - sweptAt < SWEEP_INTERVAL) return
    sweptAt = now
    await query('DELETE FROM oidc_sessions WHERE expires_at <= $1', now)
    await query('DELETE FROM oidc_ends WHERE kept_until <= $1', now)
  }

  async function get (handle) {
    if (!isHandle(handle)) return null
    const [row] = await query(`SELECT revision, issued_at, expires_at, belongs_to, session FROM oidc_sessions WHERE name = $1 AND ${isAlive('$2')}`, nameOfHandle(handle), clock())
    return row === undefined ? null : rows.open(handle, row)
  }

  /** One statement compares and writes: of two at once, one finds nothing to change. */
  async function replace (revision, stored) {
    const values = Object.values(rows.seal(stored))
    const written = await query(`UPDATE oidc_sessions SET ${COLUMNS} = ${VALUES} WHERE name = $1 AND revision = $8 AND ${isAlive('$9')} RETURNING name`, ...values, revision, clock())
    return written.length === 0 ? null : stored
  }

  return {
    name: 'postgres',
    revocable: true,
    async create (session, expiresAt) {
      await sweep()
      const stored = { handle: createHandle(), revision: 1, expiresAt, session }
      await query(`INSERT INTO oidc_sessions ${COLUMNS} VALUES ${VALUES}`, ...Object.values(rows.seal(stored)))
      return stored
    },
    get,
    update: ({ handle, revision }, session, expiresAt) => replace(revision, { handle, revision: revision + 1, expiresAt, session }),
    async touch ({ handle }, expiresAt) {
      for (let current = await get(handle); current !== null; current = await get(handle)) {
        const touched = await replace(current.revision, { ...current, expiresAt })
        if (touched !== null) return touched
      }
      return null
    },
    async destroy ({ handle }) {
      await query('DELETE FROM oidc_sessions WHERE name = $1', nameOfHandle(handle))
    },
    async destroyIfUnchanged ({ handle, revision }) {
      await query('DELETE FROM oidc_sessions WHERE name = $1 AND revision = $2', nameOfHandle(handle), revision)
    },
    async revoke (target, before) {
      const names = rows.namesOf(nameOfTarget(target))
      const issuedBy = 'id' in target ? Number.MAX_SAFE_INTEGER : before
      const now = clock()
      // The mark first: a login that is written after this statement finds it, one that was written before falls to the next.
      await query(`INSERT INTO oidc_ends (name, issued_by, kept_until) SELECT unnest($1::text[]), $2::bigint, $3::bigint
        ON CONFLICT (name) DO UPDATE SET issued_by = greatest(oidc_ends.issued_by, excluded.issued_by), kept_until = greatest(oidc_ends.kept_until, excluded.kept_until)`,
      names, issuedBy, now + endMarkLife(absoluteTimeout))
      const ended = await query('DELETE FROM oidc_sessions WHERE belongs_to && $1::text[] AND issued_at <= $2 RETURNING expires_at', names, issuedBy)
      return ended.filter(row => Number(row.expires_at) > now).length
    },
    async * inspect (target) {
      const names = target === 'all' ? null : rows.namesOf(nameOfTarget(target))
      for (let page = [], last = ''; last === '' || page.length === PAGE; last = page.at(-1)?.name) {
        page = await query(`SELECT name, expires_at, summary FROM oidc_sessions
          WHERE name > $1 AND ($2::text[] IS NULL OR belongs_to && $2) AND ${isAlive('$3')} ORDER BY name LIMIT ${PAGE}`, last, names, clock())
        for (const row of page) {
          const summary = rows.openSummary(row)
          if (summary !== null) yield summary
        }
      }
    },
    async ready () { await query('SELECT FROM oidc_sessions LIMIT 1') },
    // The database is the application's.
    async close () {}
  }
}
