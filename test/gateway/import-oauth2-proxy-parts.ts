import { basename } from 'node:path'
import { checkOidcOptions } from 'fastify-oidc'
import type { Claims } from 'fastify-oidc-session-store'
import { readEmail } from '../../packages/oidc/src/http/claim-values.ts'
import { claimCheckOf } from '../../packages/oidc/src/options/claim-schema.ts'
import { defaultPolicy } from '../../packages/oidc/src/options/policy-options.ts'
import type { EmailFile } from '../../packages/oidc/src/policy/email-file.ts'
import { fileURLToPath } from 'node:url'
import { loadForeignFile, type ForeignConfiguration } from '../../packages/gateway/src/importers/foreign-file.ts'
import type { ForeignFormat } from '../../packages/gateway/src/importers/origins.ts'
import { parseCommandLine } from '../../packages/gateway/src/importers/oauth2-proxy/command-line.ts'
import { importOAuth2Proxy } from '../../packages/gateway/src/importers/oauth2-proxy/import.ts'
import type { Imported } from '../../packages/gateway/src/importers/imported.ts'
import type { Gateway, GatewayOptions } from 'fastify-oidc-gateway'
import { startGateway } from './parts.ts'

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/oauth2-proxy/${name}`, import.meta.url))

export const SECRET = '0123456789abcdef0123456789abcdef'
/** The least that OAuth2 Proxy starts with, and an upstream. */
export const FILE = { provider: 'oidc', client_id: 'app', client_secret: 'hunter2', cookie_secret: SECRET, oidc_issuer_url: 'https://idp.example', email_domains: ['*'], upstreams: ['http://127.0.0.1:8080'] }

interface Others {
  readonly environment?: NodeJS.ProcessEnv
  readonly args?: readonly string[]
  readonly dev?: boolean
  readonly listen?: ForeignFormat['listen']
  readonly files?: ReadonlyMap<string, string | null>
  /** The YAML of --alpha-config, and what stands in the files that its headers name. */
  readonly alpha?: unknown
  readonly alphaFiles?: ReadonlyMap<string, string | null>
}

export function translate (file: unknown, { environment = {}, args = [], dev = false, listen = null, files = new Map(), alpha, alphaFiles = new Map() }: Others = {}): Imported {
  return importOAuth2Proxy({ file, environment, commandLine: parseCommandLine(args), alpha: alpha === undefined ? null : { value: alpha, files: alphaFiles } }, { dev, listen, files })
}

export async function load (file: string | null, { environment = {}, args = [], dev = false }: Others = {}): Promise<ForeignConfiguration> {
  return await loadForeignFile(file, { from: 'oauth2-proxy', ignorePlugins: [], dev, commandLine: args }, { environment, allowUnset: false })
}

/** `cookie_secret: refused, is …`, a line for each member. */
export function told ({ report }: Imported): string {
  return report.entries.map(({ path, verdict, message }) => `${path.join('.')}: ${verdict}, ${message ?? ''}`).join('\n')
}

/** Every line of a report, with its place: `alpha.yaml:3 exact providers.0.id is …`. */
export function reportText (report: ForeignConfiguration['report']): string {
  return report.map(({ position, path, verdict, message }) => `${basename(position?.file ?? '')}:${position?.line ?? 0} ${verdict} ${path.join('.')} ${(message ?? '').replace(/"[\w-]{43}"/, '"FRESH"')}\n`).join('')
}

export const refusals = (imported: Imported): string[] => told(imported).split('\n').filter(line => line.includes(': refused'))

export const block = ({ value }: Imported): Record<string, unknown> => (value.routes[0]?.plugins as Record<string, Record<string, unknown>> | undefined)?.['openid-connect'] ?? {}

/** What became of one option beside the least. */
export function verdictOf (name: string, value: unknown, others: Record<string, unknown> = {}): string | undefined {
  const { report } = translate({ ...FILE, ...others, [name]: value })
  const entries = report.entries.filter(({ path }) => path[0] === name)
  return (entries.find(({ verdict }) => verdict === 'refused') ?? entries.find(({ path }) => path.length === 1) ?? entries[0])?.verdict
}

/** Does a file let somebody pass, by the claims of the ID token and the userinfo? */
export function admits (file: object, { id_token: id = {}, user = {} }: { readonly id_token?: Claims, readonly user?: Claims }, emailFile: EmailFile | null = null): boolean {
  const { options } = checkOidcOptions(block(translate(file)))
  const sources = [() => id, () => user]
  const email = id.iss === 'urn:fastify-oidc:local' ? null : readEmail(options, sources)
  const isHeld = (claimCheckOf(options)?.({ id_token: id, user }) ?? null) === null
  return isHeld && defaultPolicy(options, { emailFile, resource: null, verdicts: { hits: 0, misses: 0 } }).policy.judge({ via: 'session', sources, scopes: [], email, audience: 'held', proof: { acr: null, authTime: null } }) === null
}

interface Test { teardown (handler: () => unknown): void }

/** A file of OAuth2 Proxy, with a provider that there is, as a gateway that runs. */
export async function startImported (t: Test, { clientId, clientSecret, issuer }: { readonly clientId: string, readonly clientSecret: string, readonly issuer: string }, options: Record<string, unknown>, { logLines = [] }: { readonly logLines?: string[] } = {}): Promise<Gateway> {
  const imported = translate({ ...FILE, client_id: clientId, client_secret: clientSecret, oidc_issuer_url: issuer, cookie_secure: false, ...options }, { listen: { host: '127.0.0.1', port: 0 } })
  const refused = refusals(imported)
  if (refused.length > 0) throw new Error(refused.join('\n'))
  return await startGateway(t, { log: { level: 'info' }, ...imported.value } as unknown as GatewayOptions, { logStream: { write: (line: string) => { logLines.push(line) } } })
}
