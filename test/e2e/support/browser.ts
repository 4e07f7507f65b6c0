import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { requireTool } from '../../../scripts/system.mjs'

const screenshots = fileURLToPath(new URL('../screenshots/', import.meta.url))

/**
 * A Chromium for one test file or test, closed at its end. Tests share it and have contexts of their own.
 * @param played ports of this machine that answer for addresses, such as `example.corp.com:443`
 * @throws when there is no Chromium, with the command to type: a browser test is never skipped
 */
export async function launchBrowser (t: Test, played: Readonly<Record<string, number>> = {}): Promise<Browser> {
  const rules = Object.entries(played).map(([address, port]) => `MAP ${address} 127.0.0.1:${port}`).join(', ')
  const browser = await chromium.launch({
    executablePath: requireTool('chromium'),
    // Containers have a small /dev/shm; a tab that fills it crashes.
    args: ['--disable-dev-shm-usage', '--disable-gpu', ...rules === '' ? [] : [`--host-resolver-rules=${rules}`]]
  })
  t.teardown(async () => { await browser.close() })
  return browser
}

function fileName (title: string): string {
  return `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 100)}.png`
}

async function photograph (t: Test, page: Page, index: number): Promise<void> {
  await mkdir(screenshots, { recursive: true })
  const path = `${screenshots}${index === 0 ? '' : `${index}-`}${fileName(t.fullname)}`
  try {
    await page.screenshot({ path, fullPage: true, timeout: 10_000 })
    t.comment(`what the browser showed at ${page.url()}: ${path}`)
  } catch (error) {
    t.comment(`no screenshot of ${page.url()}: ${String(error)}`)
  }
}

/** A browser without cookies, as a new visitor has it. When the test fails, its pages are photographed into test/e2e/screenshots. */
export async function newVisitor (t: Test, browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
  context.setDefaultTimeout(30_000)
  t.teardown(async () => {
    if (!t.passing()) await Promise.all(context.pages().map((page, index) => photograph(t, page, index)))
    await context.close()
  })
  return context
}

/** A page of a new visitor. */
export async function newPage (t: Test, browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await newVisitor(t, browser, options)
  return await context.newPage()
}
