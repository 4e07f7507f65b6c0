import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { keepFile } from 'fastify-oidc'
import { optionsError } from 'fastify-oidc-session-store'
import type { ForwardAuthSettings } from '../options.ts'
import { formParameter } from '../parameters.ts'
import { parsePasswordFile, type PasswordEntries } from './password-file.ts'
import { createPasswordUsers } from './password-users.ts'

/** What became of a name and a password that a form brought. */
export type PasswordOutcome =
  | { readonly kind: 'signed in' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'no name' }
  | { readonly kind: 'wrong' }

/** Signs in who stands in a password file. */
export interface PasswordSignIn {
  readonly displaysForm: boolean
  /** @throws FST_OIDC_FORWARD_AUTH_GUESSES_TOO_MANY, FST_OIDC_LOGIN_REFUSED, FST_OIDC_STORE_UNAVAILABLE */
  signIn (request: FastifyRequest, reply: FastifyReply): Promise<PasswordOutcome>
}

/** A form on another site would sign somebody in under a name of that site's choice. What no browser sends has neither header. */
function isForeign (request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (site !== undefined) return site !== 'same-origin'
  const own = `${request.protocol}://${request.host}`
  return origin !== undefined && (!URL.canParse(own) || origin !== new URL(own).origin)
}

function warnOfSha (log: FastifyBaseLogger, entries: PasswordEntries): void {
  const count = [...entries.values()].filter(({ kind }) => kind === 'sha').length
  if (count > 0) log.warn({ oidc: 'htpasswd', count }, `${count} of ${entries.size} passwords in htpasswd.file are kept as {SHA}, which is guessed fast by whoever gets the file: make them again with \`htpasswd -B\``)
}

async function keepPasswords ({ log }: FastifyInstance, path: string) {
  try {
    const kept = await keepFile<PasswordEntries>({
      path,
      parse: parsePasswordFile,
      onRead (entries) {
        log.info({ oidc: 'htpasswd.read', users: entries.size }, 'htpasswd.file has changed and was read')
        warnOfSha(log, entries)
      },
      onBroken (err) { log.error({ oidc: 'htpasswd.broken', err }, 'htpasswd.file has changed and cannot be used: what it said before holds until it is mended') }
    })
    warnOfSha(log, kept.current)
    return kept
  } catch (error) {
    throw optionsError('fastify-oidc-forward-auth', [{ path: ['htpasswd', 'file'], message: `cannot be used: ${error instanceof Error ? error.message : String(error)}` }])
  }
}

/**
 * Reads the file and has the core ask it.
 * @throws FST_OIDC_OPTIONS_INVALID for a file that cannot be used, FST_OIDC_LOCAL_USERS_TAKEN
 */
export async function createPasswordSignIn (fastify: FastifyInstance, { file, groups, display_form: displaysForm, basic }: NonNullable<ForwardAuthSettings['htpasswd']>): Promise<PasswordSignIn> {
  const { oidc } = fastify
  const kept = await keepPasswords(fastify, file)
  fastify.addHook('onClose', async () => { kept.close() })
  const { isCurrent, verify } = createPasswordUsers({ entries: () => kept.current, groups: Object.freeze([...groups]), nowMs: () => performance.now() })
  oidc.useLocalUsers({ isCurrent, ...(basic ? { verify: async (credential, request) => await verify(credential, request.ip) } : {}) })
  return {
    displaysForm,
    async signIn (request, reply) {
      if (isForeign(request)) return { kind: 'foreign' }
      const name = formParameter(request, 'username') ?? ''
      if (name === '') return { kind: 'no name' }
      const identity = await verify({ name, password: formParameter(request, 'password') ?? '' }, request.ip)
      if (identity === null) return { kind: 'wrong' }
      await oidc.establish(request, reply, identity)
      return { kind: 'signed in' }
    }
  }
}
