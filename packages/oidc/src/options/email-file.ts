import { optionsError } from 'fastify-oidc-session-store'
import { foldEmail } from '../policy/email-list.ts'
import { namesLines, parseEmailFile, type EmailFile, type WrittenEmails } from '../policy/email-file.ts'
import { keepFile } from './kept-file.ts'

/** What is told of it while the server runs. */
export interface EmailFileLog {
  info (facts: object, message: string): void
  warn (facts: object, message: string): void
  error (facts: object, message: string): void
}

/** Addresses of a file that is kept up to date until it is closed. */
export interface KeptEmails extends EmailFile {
  close (): void
}

const OPTION = 'allowed_emails_file'

/** As in OAuth2 Proxy, whose files these are: to take such a line for a domain would let in whom nobody has let in there. */
function warnOfWildcards ({ wildcards }: WrittenEmails, log: EmailFileLog): void {
  if (wildcards.length > 0) log.warn({ oidc: 'emails.wildcard' }, `${OPTION}, ${namesLines(wildcards)}: "*@" and a domain is one address here, and nobody has it: for all of a domain write it in allowed_emails`)
}

/**
 * Reads `allowed_emails_file`.
 * @rejects FST_OIDC_OPTIONS_INVALID when it cannot be used now
 */
export async function keepEmails (path: string, log: EmailFileLog): Promise<KeptEmails> {
  let version = 0
  try {
    const kept = await keepFile({
      path,
      parse: parseEmailFile,
      onRead (written) {
        version++
        warnOfWildcards(written, log)
        log.info({ oidc: 'emails.read', addresses: written.emails.size }, `${OPTION} has changed and was read`)
      },
      onBroken (err) { log.error({ oidc: 'emails.broken', err }, `${OPTION} has changed and cannot be used: what it said before holds until it is mended`) }
    })
    warnOfWildcards(kept.current, log)
    return {
      get version () { return version },
      covers: email => kept.current.emails.has(foldEmail(email)),
      close: kept.close
    }
  } catch (error) {
    throw optionsError('fastify-oidc', [{ path: [OPTION], message: `cannot be used: ${error instanceof Error ? error.message : String(error)}` }])
  }
}
