import { extname } from 'node:path'
import { html, trustHtml, type Html } from 'fastify-oidc'
import { FileFault, readOwnFile } from './own-file.ts'

const TYPES: Readonly<Record<string, string>> = { '.png': 'image/png', '.svg': 'image/svg+xml', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.webp': 'image/webp' }

/** What the file begins with: a page with another file's bytes in it shows a broken picture. */
const STARTS: Readonly<Record<string, (bytes: Buffer) => boolean>> = {
  'image/png': bytes => bytes.toString('latin1', 0, 4) === '\x89PNG',
  'image/jpeg': bytes => bytes.toString('latin1', 0, 2) === '\xff\xd8',
  'image/webp': bytes => bytes.toString('latin1', 8, 12) === 'WEBP',
  'image/svg+xml': bytes => /<svg[\s>]/i.test(bytes.toString('utf8'))
}

/** A padlock, in the colour of the page. */
export const DEFAULT_LOGO = trustHtml('<svg class="mark" viewBox="0 0 48 48" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3.5" stroke-linecap="round"><rect x="9" y="21" width="30" height="21" rx="5"/><path d="M16 21v-6a8 8 0 0 1 16 0v6M24 29v5"/></svg>')

/**
 * A picture as part of the page: nothing is loaded for it. In `<img>` no script of an SVG runs.
 * @throws FileFault
 */
export function readLogo (path: string): Html {
  const type = TYPES[extname(path).toLowerCase()]
  if (type === undefined) throw new FileFault(`must end in ${Object.keys(TYPES).join(', ')}`)
  const bytes = readOwnFile(path)
  if (STARTS[type]?.(bytes) !== true) throw new FileFault(`has nothing of ${type} in it`)
  return html`<img class="mark" alt="" src="data:${type};base64,${bytes.toString('base64')}">`
}
