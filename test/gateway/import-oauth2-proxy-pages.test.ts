import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkConfiguration } from 'fastify-oidc-gateway'
import { FILE, told, translate } from './import-oauth2-proxy-parts.ts'

const ROUTE = { uri: '/*', upstream: 'http://127.0.0.1:8080', plugins: { 'openid-connect': { discovery: 'https://idp.example/.well-known/openid-configuration', client_id: 'app', client_secret: 'hunter2', session: { secret: 'a secret that is at least 32 characters long' } } } }

const endpointsOf = (file: Record<string, unknown>): Record<string, unknown> => (translate({ ...FILE, ...file }).value as { endpoints?: Record<string, unknown> }).endpoints ?? {}

t.test('O114 banner, footer and logo come over as they are', async t => {
  const written = { banner: '<b>Staff</b>', footer: '-', custom_sign_in_logo: '/etc/logo.svg' }
  t.match(endpointsOf(written), written)
  for (const name of Object.keys(written)) t.match(told(translate({ ...FILE, ...written })), `${name}: exact, is endpoints.${name} here`, 'HTML is no placeholder')
  t.match(endpointsOf({ banner: '', footer: '', custom_sign_in_logo: '', custom_templates_dir: '' }), { banner: undefined, footer: undefined, custom_sign_in_logo: undefined, custom_templates_dir: undefined })
})

t.test('O114 a logo from elsewhere is left out, and the report says what to do', async t => {
  const imported = translate({ ...FILE, custom_sign_in_logo: 'https://cdn.example/logo.png' })
  t.match(told(imported), /custom_sign_in_logo: approximated, is left out: pages load nothing from elsewhere; save the picture/)
  t.equal(endpointsOf({ custom_sign_in_logo: 'https://cdn.example/logo.png' }).custom_sign_in_logo, undefined)
})

t.test('O114 without a banner the page names the domains, unless everybody may come', async t => {
  t.equal(endpointsOf({ email_domains: ['corp.com', '.<b>'] }).banner, 'Sign in with an account of corp.com, .&lt;b&gt;.')
  t.equal(endpointsOf({ email_domains: ['corp.com'], banner: '-' }).banner, '-')
  t.equal(endpointsOf({ email_domains: ['corp.com', '*'] }).banner, undefined)
})

t.test('O116 templates come over', async t => {
  t.equal(endpointsOf({ custom_templates_dir: 'pages' }).custom_templates_dir, 'pages')
  t.match(told(translate({ ...FILE, custom_templates_dir: 'pages' })), /custom_templates_dir: approximated, is endpoints\.custom_templates_dir here: robots\.txt, and sign_in\.html and error\.html of values/)
})

t.test('files of pages are looked for at the check, from the folder of the configuration', async t => {
  const directory = t.testdir()
  mkdirSync(join(directory, 'pages'))
  writeFileSync(join(directory, 'pages', 'error.html'), '<p>\n{{.Nope}}</p>')
  writeFileSync(join(directory, 'logo.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  const check = async (endpoints: Record<string, string>) => await checkConfiguration({ value: { endpoints, routes: [ROUTE] }, positionOf: () => null }, { directory })
  const found = await check({ custom_sign_in_logo: 'logo.svg' })
  t.equal(found.kind === 'valid' && found.configuration.endpoints?.options.custom_sign_in_logo, join(directory, 'logo.svg'))
  t.equal((await check({ custom_sign_in_logo: '-' })).kind, 'valid')
  t.match(await check({ custom_sign_in_logo: 'none.png' }), { kind: 'invalid', problems: [{ path: ['endpoints', 'custom_sign_in_logo'], message: 'cannot be read: ENOENT' }] })
  t.match(await check({ custom_sign_in_logo: 'https://cdn.example/x.png' }), { kind: 'invalid', problems: [{ message: /is an address/ }] })
  t.match(await check({ custom_templates_dir: 'pages' }), { kind: 'invalid', problems: [{ path: ['endpoints', 'custom_templates_dir'], message: new RegExp(`${directory}/pages/error\\.html:2: \\.Nope is not one of`) }] })
})
