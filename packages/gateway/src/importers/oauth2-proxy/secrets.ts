import { createHmac, randomBytes } from 'node:crypto'
import { isPlaceholder } from './placeholders.ts'
import type { Context } from './row.ts'
import type { Setting } from './settings.ts'

/** What secrets are judged by. */
export interface SecretRules {
  /** Whether secrets that were never filled in will do, at an address that only this machine reaches. */
  readonly dev: boolean
  /** What stands in the files that options name; null: cannot be read. */
  readonly files: ReadonlyMap<string, string | null>
}

type Parts = Omit<Context, 'path'>
interface Found {
  readonly setting: Setting
  readonly secret: string
  /** As the native configuration has it: a reference where it came from the environment. */
  readonly written: string
}

const SIZES = [16, 24, 32]
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/
const DEV_IDS = ['client_id', 'client_secret']

/** Keys that are nobody else's: what the documents print opens nothing, and lives as long as this process. */
const devKey = randomBytes(32)

export const freshSecret = (): string => randomBytes(32).toString('base64url')

/** Bytes that OAuth2 Proxy would take for the key. */
function keySize (secret: string): number {
  if (BASE64URL.test(secret)) {
    const decoded = Buffer.from(secret, 'base64url')
    if (decoded.toString('base64url') === secret.replace(/=+$/, '') && SIZES.includes(decoded.length)) return decoded.length
  }
  return Buffer.byteLength(secret)
}

function fromSetting (setting: Setting): Found {
  const secret = String(setting.value)
  return { setting, secret, written: setting.variable === null ? secret : `$ENV://${setting.variable}` }
}

/** A secret that is written, or stands in a file; what is written goes first. */
function findSecret (name: string, { files }: SecretRules, { settings, ledger }: Parts): Found | null {
  const written = settings.text(name) === null ? null : settings.find(name)
  const file = settings.text(`${name}_file`) === null ? null : settings.find(`${name}_file`)
  if (written !== null) {
    if (file !== null) ledger.exact(file.path, `has no effect: ${name} goes before it`)
    return fromSetting(written)
  }
  if (file === null) return null
  const text = files.get(String(file.value)) ?? null
  if (text === null) {
    ledger.refuse(file.path, 'is a file that cannot be read')
    return null
  }
  ledger.approximate(file.path, 'is read once, at the start, without a line end after it; OAuth2 Proxy reads it at each use')
  const secret = text.replace(/\r?\n$/, '')
  return { setting: file, secret, written: secret }
}

/** Judges what identifies the client. */
export function translateClient (rules: SecretRules, parts: Parts): void {
  const { settings, ledger, draft } = parts
  const secret = findSecret('client_secret', rules, parts)
  draft.trace(['client_secret'], settings.pathOf('client_secret'))
  if (secret === null && settings.find('client_secret_file') === null) ledger.refuse(settings.pathOf('client_secret'), 'is missing: write it, or client_secret_file')
  if (secret !== null) draft.setOption(['client_secret'], secret.written, secret.setting.path)
  const id = settings.text('client_id') === null ? null : settings.find('client_id')
  draft.trace(['client_id'], settings.pathOf('client_id'))
  if (id === null) ledger.refuse(settings.pathOf('client_id'), 'is missing')
  for (const { setting, secret: text } of [secret, id === null ? null : fromSetting(id)].filter(found => found !== null)) {
    if (!isPlaceholder(text)) continue
    const option = DEV_IDS.find(name => setting.row.name.startsWith(name)) ?? 'client_id'
    if (rules.dev) ledger.approximate(setting.path, 'is a placeholder, which --dev lets pass')
    else ledger.refuse(setting.path, `is the placeholder ${setting.row.name.endsWith('_file') ? 'of a document' : text}: write the ${option === 'client_id' ? 'id' : 'secret'} that the provider gave you`)
  }
}

/** `cookie_secret`: 16, 24 or 32 bytes, or base64url of them. */
export function translateCookieSecret (rules: SecretRules, parts: Parts): void {
  const { ledger, draft, settings } = parts
  const found = findSecret('cookie_secret', rules, parts)
  draft.trace(['session', 'secret'], found?.setting.path ?? settings.pathOf('cookie_secret'))
  if (found === null) {
    if (settings.find('cookie_secret_file') === null) ledger.refuse(settings.pathOf('cookie_secret'), `is missing. Here is a fresh one: cookie_secret = "${freshSecret()}"`)
    return
  }
  const { setting, secret, written } = found
  const size = keySize(secret)
  const wrong = isPlaceholder(secret) ? 'is a placeholder' : SIZES.includes(size) ? null : `must be 16, 24 or 32 bytes, as they are or as base64url, and has ${size}`
  if (wrong === null) {
    draft.setOption(['session', 'secret'], written, setting.path)
    if (!ledger.isJudged(setting.path)) ledger.exact(setting.path, 'is session.secret here')
  } else if (rules.dev) {
    draft.setOption(['session', 'secret'], createHmac('sha256', devKey).update(secret).digest('base64url'), setting.path)
    ledger.approximate(setting.path, `${wrong}, which --dev lets pass: sessions are sealed under a random secret instead, and end with this process`)
  } else {
    const shown = isPlaceholder(secret) && !setting.row.name.endsWith('_file') ? `is the placeholder ${secret}` : wrong
    ledger.refuse(setting.path, `${shown}. Here is a fresh one: cookie_secret = "${freshSecret()}"`)
  }
}
