import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { withIdentity } from 'fastify-oidc-testing'
import { testProvider } from '../oidc/support.ts'
import { gate } from './parts.ts'

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>'
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChAGAYk9rUwAAAABJRU5ErkJggg==', 'base64')
const person = { accept: 'text/html' }

async function signIn (t: Test, endpoints: ForwardAuthOptions = {}): Promise<{ readonly body: string, readonly policy: string }> {
  const { app } = await gate(t, { endpoints })
  const { body, headers } = await app.inject('/oauth2/sign_in')
  return { body, policy: String(headers['content-security-policy']) }
}

function fileWith (t: Test, name: string, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'logo-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

t.test('O114 a banner and a footer are HTML of the operator, and run nothing', async t => {
  const { body, policy } = await signIn(t, { banner: '<b>Staff</b> alone<script>alert(1)</script>', footer: 'Ask <a href="mailto:help@corp.com">us</a>' })
  t.match(body, '<div class="say" dir="auto"><b>Staff</b> alone<script>')
  t.match(body, '<footer dir="auto">Ask <a href="mailto:help@corp.com">us</a></footer>')
  t.notMatch(body, 'You need to sign in')
  t.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'$/, 'nothing may run')
})

t.test('O114 - is none of each', async t => {
  const { body } = await signIn(t, { banner: '-', footer: '-', custom_sign_in_logo: '-' })
  t.notMatch(body, /<p|class="say"|<footer|<svg|<img/)
  const plain = await signIn(t)
  t.match(plain.body, /<main><svg class="mark"/)
  t.match(plain.body, 'You need to sign in to go on.')
})

t.test('O114 a logo is part of the page, in each format', async t => {
  const files: Array<readonly [name: string, content: string | Buffer, type: string]> = [
    ['logo.svg', SVG, 'image/svg+xml'],
    ['logo.PNG', PNG, 'image/png'],
    ['logo.jpeg', Buffer.from('\xff\xd8\xff\xe0', 'latin1'), 'image/jpeg'],
    ['logo.webp', Buffer.from('RIFF\x00\x00\x00\x00WEBP', 'latin1'), 'image/webp']
  ]
  for (const [name, content, type] of files) {
    const { body } = await signIn(t, { custom_sign_in_logo: fileWith(t, name, content) })
    t.match(body, `<img class="mark" alt="" src="data:${type};base64,${Buffer.from(content).toString('base64')}">`)
  }
})

t.test('O114 a logo that cannot be shown stops the boot', async t => {
  const cases: Array<readonly [logo: string, complaint: RegExp]> = [
    ['https://cdn.example/logo.png', /custom_sign_in_logo is an address, and the page loads nothing from elsewhere/],
    ['//cdn.example/logo.png', /is an address/],
    ['/nowhere/logo.png', /cannot be read: ENOENT/],
    [fileWith(t, 'logo.gif', 'GIF89a'), /must end in \.png, \.svg/],
    [fileWith(t, 'logo.png', SVG), /has nothing of image\/png in it/],
    [fileWith(t, 'long.png', Buffer.concat([PNG, Buffer.alloc(256 * 1024)])), /is longer than 256 KB/]
  ]
  for (const [logo, complaint] of cases) await t.rejects(async () => await gate(t, { endpoints: { custom_sign_in_logo: logo } }), { code: 'FST_OIDC_OPTIONS_INVALID', message: complaint }, logo)
})

t.test('an error page says what happened, under which id, and leads on', async t => {
  const { app, log } = await gate(t, { endpoints: { footer: 'Help: 1234' } })
  const { statusCode, headers, body } = await app.inject({ url: '/deep?x=1&y=2', headers: person })
  t.equal(statusCode, 503)
  const line = log.find(({ code }) => code === 'FST_OIDC_PROVIDER_UNAVAILABLE')
  t.match(body, `<small>FST_OIDC_PROVIDER_UNAVAILABLE · request ${String(line?.reqId)}</small>`)
  t.match(body, '<p class="status">Error 503</p><h1>Service Unavailable</h1>')
  t.match(body, '<a class="b" href="/deep?x=1&amp;y=2">Try again</a>')
  t.match(body, '<footer dir="auto">Help: 1234</footer>')
  t.notMatch(body, /ECONNREFUSED|127\.0\.0\.1/, 'what went wrong inside is for the log')
  t.match(headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff', 'content-security-policy': /frame-ancestors 'none'/, 'retry-after': '5' })
})

t.test('who may not pass can sign in as somebody else, and comes back', async t => {
  const { app } = await gate(t)
  app.get('/admin', { config: { oidc: { required_scopes: ['admin'] } } }, async () => 'in')
  app.get('/api', { config: { oidc: { unauth_action: 'deny' } } }, async () => 'in')
  const { headers } = await withIdentity(app, { sub: 'alice' })
  const refused = await app.inject({ url: '/admin?tab=%22%3E', headers: { ...headers, ...person } })
  t.equal(refused.statusCode, 403)
  t.match(refused.body, '<a class="b" href="/oauth2/sign_in?rd=%2Fadmin%3Ftab%3D%2522%253E">Sign in with another account</a>')
  t.notMatch(refused.body, 'Try again')
  const unknown = await app.inject({ url: '/api', headers: person })
  t.equal(unknown.statusCode, 401)
  t.match(unknown.body, 'href="/oauth2/sign_in?rd=%2Fapi">Sign in</a>')
  t.match((await app.inject({ url: '/admin', headers })).json(), { statusCode: 403 }, 'a program gets JSON')
})

t.test('W9 a provider\'s words stay in the log', async t => {
  const provider = await testProvider(t)
  const { app } = await gate(t, { provider })
  const started = await app.inject('/oauth2/start?rd=/deep')
  const state = new URL(String(started.headers.location)).searchParams.get('state') ?? ''
  const cookie = String(started.headers['set-cookie']).split(';', 1)[0] ?? ''
  const query = new URLSearchParams({ error: 'access_denied%25s', error_description: '<b>evil</b>', state })
  const { statusCode, body } = await app.inject({ url: `/oauth2/callback?${String(query)}`, headers: { ...person, cookie } })
  t.equal(statusCode, 502)
  t.match(body, '<a class="b" href="/deep">Try again</a>')
  t.notMatch(body, /evil|%s|access_denied/)
})

t.test('a request id that a caller chose is text, and short', async t => {
  const { app } = await gate(t, { server: { requestIdHeader: 'x-request-id' } })
  const { body } = await app.inject({ url: '/x', headers: { ...person, 'x-request-id': '<script>' + 'a'.repeat(9000) } })
  t.match(body, `request &lt;script&gt;${'a'.repeat(120)}</small>`)
})

t.test('the question before a sign-out can be left both ways', async t => {
  const { app } = await gate(t)
  const { headers, body } = await app.inject({ url: '/oauth2/sign_out?rd=/bye', headers: { 'sec-fetch-site': 'cross-site' } })
  t.match(body, '<form method="post" action="/oauth2/sign_out?rd=%2Fbye"><button>Sign out</button></form><a class="b quiet" href="/">Stay signed in</a>')
  t.equal(headers['referrer-policy'], 'strict-origin', 'or the form would be sent with Origin: null')
})
