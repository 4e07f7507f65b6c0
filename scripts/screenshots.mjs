/** Photographs the pages, light and dark, on a phone and a desktop: `pnpm screenshots [folder]`. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { withIdentity } from 'fastify-oidc-testing'
import { chromium } from 'playwright-core'
import { servePages } from './page-server.mjs'
import { requireTool } from './system.mjs'

const SCHEMES = ['light', 'dark']
const WIDTHS = [{ name: 'phone', width: 390, height: 844 }, { name: 'desktop', width: 1280, height: 800 }]
const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="120" height="40" rx="8" fill="#0b6e4f"/><text x="60" y="27" font-family="sans-serif" font-size="20" fill="#fff" text-anchor="middle">CORP</text></svg>'

async function photographAll (browser, folder, pages) {
  for (const colorScheme of SCHEMES) {
    for (const { name: device, width, height } of WIDTHS) {
      for (const { name, url, cookies = [], fromElsewhere = false } of pages) {
        const context = await browser.newContext({ colorScheme, viewport: { width, height } })
        const page = await context.newPage()
        await context.addCookies(cookies)
        if (fromElsewhere) {
          await page.goto(`data:text/html,<a href="${url}">x</a>`)
          await page.click('a')
          await page.waitForURL(url)
        } else await page.goto(url)
        const path = join(folder, `${name}-${colorScheme}-${device}.png`)
        await page.screenshot({ path, fullPage: true })
        console.log(path)
        await context.close()
      }
    }
  }
}

const folder = resolve(process.argv[2] ?? 'screenshots')
const files = await mkdtemp(join(tmpdir(), 'screenshots-'))
const servers = []
const browser = await chromium.launch({ executablePath: requireTool('chromium'), args: ['--disable-dev-shm-usage', '--disable-gpu'] })
try {
  await mkdir(folder, { recursive: true })
  await writeFile(join(files, 'users'), 'alice:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n')
  await writeFile(join(files, 'logo.svg'), LOGO)
  const plain = await servePages({ provider_name: 'Example' })
  const form = await servePages({ provider_name: 'Example', htpasswd: { file: join(files, 'users') } })
  const dressed = await servePages({ provider_name: 'Corp Single Sign-On', custom_sign_in_logo: join(files, 'logo.svg'), banner: '<p>For <b>staff</b> of corp.com alone.</p>', footer: 'Trouble? <a href="mailto:help@corp.com">help@corp.com</a>' })
  servers.push(plain, form, dressed)
  const { headers: { cookie } } = await withIdentity(plain.app, { sub: 'alice' })
  const cookies = cookie.split('; ').map(pair => {
    const [name, value] = pair.split('=')
    return { name, value, url: plain.address }
  })
  await photographAll(browser, folder, [
    { name: 'sign-in', url: `${plain.address}/oauth2/sign_in` },
    { name: 'sign-in-password', url: `${form.address}/oauth2/sign_in` },
    { name: 'sign-in-dressed', url: `${dressed.address}/oauth2/sign_in` },
    { name: 'sign-out', url: `${plain.address}/oauth2/sign_out`, fromElsewhere: true },
    { name: 'error-403', url: `${plain.address}/admin`, cookies },
    { name: 'error-404', url: `${plain.address}/none` },
    { name: 'error-503', url: `${plain.address}/reports` }
  ])
} finally {
  await browser.close()
  await Promise.all(servers.map(({ app }) => app.close()))
  await rm(files, { recursive: true })
}
