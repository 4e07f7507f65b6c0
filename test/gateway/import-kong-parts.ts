import { fileURLToPath } from 'node:url'
import { importKong, type KongChoices } from '../../packages/gateway/src/importers/kong/import.ts'
import type { Imported } from '../../packages/gateway/src/importers/imported.ts'

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/kong/${name}`, import.meta.url))

const CHOICES: KongChoices = { ignored: [], listen: null, route: null, upstream: null, explained: null }

export const CONFIG = { issuer: 'https://idp.example/oauth2/as', client_id: ['app'], client_secret: ['secret'], auth_methods: ['authorization_code'] }

export function translate (root: unknown, choices: Partial<KongChoices> = {}): Imported {
  return importKong(root, { ...CHOICES, ...choices })
}

/** One route at /api with the plugin before it. */
export function deck (config: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    _format_version: '3.0',
    services: [{ name: 'app', url: 'http://127.0.0.1:8080', routes: [{ name: 'api', paths: ['/api'], plugins: [{ name: 'openid-connect', config: { ...CONFIG, ...config } }] }] }],
    ...more
  }
}

export const blockOf = (imported: Imported): Record<string, unknown> => (imported.value.routes[0]?.plugins as Record<string, Record<string, unknown>> | undefined)?.['openid-connect'] ?? {}

/** `path: verdict, message`, a line each. */
export function told ({ report }: Imported): string {
  return [...report.entries.map(({ path, verdict, message }) => `${path.join('.')}: ${verdict}, ${message ?? ''}`), ...report.notes.map(({ path, message }) => `${path.join('.')}: note, ${message}`)].join('\n')
}

export const refusals = (imported: Imported): string => told(imported).split('\n').filter(line => line.includes(': refused')).join('\n')
