import { createSealer, createSecretNames, nameOfHandle, openJson, sealJson, summaryOf, targetNames } from 'fastify-oidc-session-store'

/** The columns that stand in clear are authenticated with the session: a row in which one was changed does not open. */
function contextOf ({ revision, issued_at: issuedAt, expires_at: expiresAt, belongs_to: belongsTo }) {
  return [revision, issuedAt, expiresAt, ...belongsTo].join(' ')
}

/**
 * Turns sessions into rows that tell nothing, and rows back into sessions.
 * @param {{ secret: string, fallbacks: readonly string[] }} options
 */
export function createSealedRows ({ secret, fallbacks }) {
  const sessions = createSealer({ secret, fallbacks, purpose: 'postgres-session', binding: '' })
  const summaries = createSealer({ secret, fallbacks, purpose: 'postgres-summary', binding: '' })
  const names = createSecretNames({ secret, fallbacks, purpose: 'postgres-names' })

  return {
    /** Under every secret: one of them was in use when the row was written. */
    namesOf: names.all,
    seal ({ handle, revision, expiresAt, session }) {
      const name = nameOfHandle(handle)
      const clear = { revision, issued_at: session.issuedAt, expires_at: expiresAt, belongs_to: targetNames(session).map(names.own) }
      return {
        name,
        ...clear,
        session: sealJson(sessions.keyedWith(handle), session, contextOf(clear)),
        summary: sealJson(summaries, summaryOf(session, expiresAt), name)
      }
    },
    /**
     * null: the row is of another secret, or somebody changed it.
     * @returns {import('fastify-oidc-session-store').StoredSession | null}
     */
    open (handle, row) {
      /** @type {import('fastify-oidc-session-store').Session | null} */
      const session = openJson(sessions.keyedWith(handle), row.session, contextOf(row))
      return session === null ? null : { handle, revision: row.revision, expiresAt: Number(row.expires_at), session }
    },
    /** @returns {import('fastify-oidc-session-store').SessionSummary | null} */
    openSummary: ({ summary, name }) => openJson(summaries, summary, name)
  }
}
