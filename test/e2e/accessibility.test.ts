import { createRequire } from 'node:module'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { AxeResults } from 'axe-core'
import type { ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { withIdentity } from 'fastify-oidc-testing'
import { servePages, type PageServer } from '../../scripts/page-server.mjs'
import { launchBrowser, newVisitor } from './support/browser.ts'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const LONG = 'Ministerium für Bildung, Wissenschaft und Forschung des Landes Donaudampfschifffahrtsgesellschaftstal'.slice(0, 100)
const ARABIC = 'وزارة التعليم العالي (SSO)'

const browser = await launchBrowser(t)
const folder = t.testdir({ users: 'alice:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n' })

async function serve (endpoints: ForwardAuthOptions): Promise<PageServer> {
  const server = await servePages(endpoints)
  t.teardown(async () => { await server.app.close() })
  return server
}

const plain = await serve({ provider_name: 'Example' })
const form = await serve({ provider_name: LONG, htpasswd: { file: `${folder}/users` } })
const arabic = await serve({ provider_name: ARABIC })

/** Each page, and how somebody comes to it. */
const PAGES: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'sign-in': async page => await page.goto(`${plain.address}/oauth2/sign_in`),
  'sign-in with a long name and a form': async page => await page.goto(`${form.address}/oauth2/sign_in`),
  'sign-in with a name in Arabic': async page => await page.goto(`${arabic.address}/oauth2/sign_in`),
  'sign-in after a wrong password': async page => {
    await page.goto(`${form.address}/oauth2/sign_in`)
    await page.fill('[name=username]', 'alice')
    await page.fill('[name=password]', 'wrong')
    await page.press('[name=password]', 'Enter')
    await page.waitForSelector('[role=alert]')
  },
  'sign-out': async page => await comeFromElsewhere(page, `${plain.address}/oauth2/sign_out`),
  'logout of the core': async page => await comeFromElsewhere(page, `${plain.address}/logout`),
  'error 403': async page => {
    // The sign-in page has ended the session of whoever was there.
    await logIn(page)
    await page.goto(`${plain.address}/admin`)
  },
  'error 404': async page => await page.goto(`${plain.address}/none`),
  'error 503': async page => {
    await page.context().clearCookies()
    await page.goto(`${plain.address}/reports`)
  }
}

const TITLES: Readonly<Record<string, string>> = {
  'sign-in': 'Sign in',
  'sign-in with a long name and a form': 'Sign in',
  'sign-in with a name in Arabic': 'Sign in',
  'sign-in after a wrong password': 'Error: Sign in',
  'sign-out': 'Sign out?',
  'logout of the core': 'Sign out?',
  'error 403': 'Forbidden',
  'error 404': 'Not Found',
  'error 503': 'Service Unavailable'
}

/** By a link of another site, which is what makes them ask. */
async function comeFromElsewhere (page: Page, url: string): Promise<void> {
  await page.goto(`data:text/html,<a href="${url}">x</a>`)
  await page.click('a')
  await page.waitForURL(url)
}

async function logIn (page: Page): Promise<void> {
  const { headers: { cookie } } = await withIdentity(plain.app, { sub: 'alice' })
  await page.context().addCookies(cookie.split('; ').map(pair => {
    const [name = '', value = ''] = pair.split('=')
    return { name, value, url: plain.address }
  }))
}

async function visit (t: Test, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await newVisitor(t, browser, options)
  return await context.newPage()
}

async function openAs (t: Test, page: Page, name: string): Promise<void> {
  await PAGES[name]?.(page)
  t.match(await page.title(), TITLES[name] ?? 'no such page', `${name} is what is looked at`)
}

/** What axe finds; its script runs beside the page's policy, as an extension would. */
async function violationsOf (page: Page): Promise<readonly string[]> {
  const { violations } = await page.evaluate(async tags => await (globalThis as unknown as { axe: { run (options: object): Promise<AxeResults> } }).axe.run({ runOnly: tags, resultTypes: ['violations'] }), RULES)
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

const hasNoScrolling = async (page: Page): Promise<boolean> => await page.evaluate('document.documentElement.scrollWidth <= innerWidth')

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`nothing on a page keeps anybody out, ${colorScheme}`, async t => {
    const page = await visit(t, { colorScheme, viewport: { width: 1280, height: 800 }, bypassCSP: true })
    await page.addInitScript({ path: AXE })
    for (const name of Object.keys(PAGES)) {
      await openAs(t, page, name)
      t.same(await violationsOf(page), [], name)
    }
  })
}

t.test('axe would tell of a field without a name', async t => {
  const page = await visit(t, { bypassCSP: true })
  await page.addInitScript({ path: AXE })
  await page.goto(`${form.address}/oauth2/sign_in`)
  await page.evaluate('document.querySelector("label").remove()')
  t.match(await violationsOf(page), [/^label: /])
})

t.test('no page is wider than a window of 320 px, with letters twice as large too', async t => {
  const page = await visit(t, { viewport: { width: 320, height: 640 } })
  for (const name of Object.keys(PAGES)) {
    await openAs(t, page, name)
    t.ok(await hasNoScrolling(page), name)
    await page.evaluate('document.documentElement.style.fontSize = "200%"')
    t.ok(await hasNoScrolling(page), `${name}, letters twice as large`)
  }
})

/** What has the focus, and whether that can be seen. */
const FOCUS = `(() => {
  const { activeElement: element } = document
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  return { what: element === document.body ? null : element.name || element.textContent, isVisible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
})()`

async function tabThrough (page: Page, count: number): Promise<ReadonlyArray<{ readonly what: string, readonly isVisible: boolean }>> {
  const seen = []
  for (let step = 0; step < count; step++) {
    await page.keyboard.press('Tab')
    seen.push(await page.evaluate(FOCUS) as { what: string, isVisible: boolean })
  }
  return seen
}

t.test('the keyboard reaches every control in order, shows where it is, and Enter sends', async t => {
  const page = await visit(t)
  const rows: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['sign-in', ['Sign in with Example']],
    ['sign-in with a long name and a form', [`Sign in with ${LONG}`, 'username', 'password', 'Sign in']],
    ['sign-out', ['Sign out', 'Stay signed in']],
    ['error 403', ['Sign in with another account']],
    ['error 503', ['Try again']]
  ]
  for (const [name, controls] of rows) {
    await openAs(t, page, name)
    t.same(await tabThrough(page, controls.length), controls.map(what => ({ what, isVisible: true })), name)
    t.equal(await page.locator('a, button, input:not([type=hidden])').count(), controls.length, `${name}: nothing is left out`)
  }
  await page.goto(`${form.address}/oauth2/sign_in?rd=/none`)
  await tabThrough(page, 2)
  await page.keyboard.type('alice')
  await page.keyboard.press('Tab')
  await page.keyboard.type('wrong')
  await page.keyboard.press('Enter')
  await page.waitForSelector('[role=alert]')
  t.equal(await page.getAttribute('[name=password]', 'aria-invalid'), 'true')
})

t.test('with forced colours, buttons and fields keep their edges', async t => {
  const page = await visit(t, { forcedColors: 'active' })
  await page.goto(`${form.address}/oauth2/sign_in`)
  const edges = await page.evaluate(`[...document.querySelectorAll('a.b, button, input:not([type=hidden])')].map(element => {
    const { borderTopStyle, borderTopWidth, borderTopColor } = getComputedStyle(element)
    return borderTopStyle === 'solid' && parseFloat(borderTopWidth) >= 1 && borderTopColor !== getComputedStyle(document.body).backgroundColor
  })`)
  t.same(edges, [true, true, true, true])
})

t.test('a name in Arabic does not turn the sentence around it', async t => {
  const page = await visit(t)
  await openAs(t, page, 'sign-in with a name in Arabic')
  t.equal(await page.textContent('a.b'), `Sign in with ${ARABIC}`)
  t.same(await page.evaluate('[getComputedStyle(document.querySelector("a.b")).direction, getComputedStyle(document.querySelector("bdi")).unicodeBidi]'), ['ltr', 'isolate'])
})
