import { fileURLToPath } from 'node:url'
import { importApisix } from '../../packages/gateway/src/importers/apisix/import.ts'
import type { Imported } from '../../packages/gateway/src/importers/imported.ts'
import { loadForeignFile, type ForeignConfiguration } from '../../packages/gateway/src/importers/foreign-file.ts'

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/apisix/${name}`, import.meta.url))
const ENVIRONMENT = { SHOP_SECRET: 'shop secret', SESSION_SECRET: 'x'.repeat(32) }

export async function load (name: string, ignorePlugins: readonly string[] = []): Promise<ForeignConfiguration> {
  return await loadForeignFile(fixture(name), { from: 'apisix', ignorePlugins }, { environment: ENVIRONMENT, allowUnset: true })
}

export function translate (root: unknown, ignored: readonly string[] = []): Imported {
  return importApisix(root, { ignored, hasEnd: null })
}

/** `routes.0.vars: refused, decides …`, a line for each member with a message. */
export function told ({ report }: Imported): string {
  return report.entries.map(({ path, verdict, message }) => `${path.join('.')}: ${verdict}, ${message ?? ''}`).join('\n')
}

export const refusals = (imported: Imported): string => told(imported).split('\n').filter(line => line.includes(': refused')).join('\n')

export const OIDC = { client_id: 'app', client_secret: 'secret', discovery: 'https://idp.example/.well-known/openid-configuration', session: { secret: 'x'.repeat(32) } }
export const UPSTREAM = { type: 'roundrobin', nodes: { '127.0.0.1:80': 1 } }

export const route = (members: Record<string, unknown> = {}, block: Record<string, unknown> = {}): Record<string, unknown> => ({ uri: '/*', upstream: UPSTREAM, plugins: { 'openid-connect': { ...OIDC, ...block } }, ...members })

export const blockOf = (block: Record<string, unknown>): unknown => (translate(route({}, block)).value.routes[0]?.plugins as Record<string, unknown> | undefined)?.['openid-connect']
