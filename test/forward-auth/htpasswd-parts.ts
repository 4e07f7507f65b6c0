import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, LightMyRequestResponse as Response } from 'fastify'
import type { ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import type { Application } from '../oidc/support.ts'
import { gate } from './parts.ts'

/** As `htpasswd -B -C 5` and `htpasswd -s` write it: the password is "correct horse". */
export const BCRYPT = '$2y$05$zUrmoC3fR9PE0TVJ7nOSBO6K06ba6RS4vFH9v83.aJm5iQGc0lJYO'
export const SHA = '{SHA}L55TUjtiq8FBorTWAZ0jy6g129A='
export const PASSWORD = 'correct horse'
/** "battery staple". */
export const OTHER_BCRYPT = '$2b$05$KHGsa04EC1nX4GVojP3/yuLMqh5VF.UL4Kh/hrLyqnIbpI0HL4iwW'
export const SAME_ORIGIN = { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }
export const FETCH = { 'sec-fetch-mode': 'cors' }

type Scope = Parameters<typeof gate>[0]

export function passwordFile (t: Scope, text = `# people\nalice:${BCRYPT}\n\r\nbob:${SHA}\r\n`): string {
  const folder = mkdtempSync(join(tmpdir(), 'htpasswd-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const file = join(folder, 'users')
  writeFileSync(file, text)
  return file
}

/** The endpoints with a password file, and a route that says who asks. */
export async function guarded (t: Scope, htpasswd: Partial<NonNullable<ForwardAuthOptions['htpasswd']>> = {}, settings: Parameters<typeof gate>[1] = {}): Promise<Application & { readonly file: string }> {
  const file = htpasswd.file ?? passwordFile(t)
  const application = await gate(t, { ...settings, endpoints: { ...settings.endpoints, htpasswd: { file, ...htpasswd } } })
  application.app.get('/who', async ({ oidc, headers }) => ({ user: oidc.user, email: oidc.email, groups: oidc.groups, via: oidc.via, claims: oidc.claims, identity: Object.keys(oidc.identityHeaders), authorization: headers.authorization ?? null }))
  return { ...application, file }
}

/** Sends the form of the sign-in page. */
export async function send (app: FastifyInstance, form: Record<string, string>, headers: Record<string, string> = SAME_ORIGIN, remoteAddress = '192.0.2.1'): Promise<Response> {
  return await app.inject({ method: 'POST', url: '/oauth2/sign_in', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body: new URLSearchParams(form).toString(), remoteAddress })
}

export function cookieOf (response: Response): string {
  return [response.headers['set-cookie'] ?? []].flat().map(line => line.split(';', 1).join('')).filter(pair => !pair.endsWith('=')).join('; ')
}

export const basic = (name: string, password: string): Record<string, string> => ({ authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` })
