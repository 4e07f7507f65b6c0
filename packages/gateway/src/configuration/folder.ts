import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type Folder = { readonly kind: 'folder', readonly path: string } | { readonly kind: 'problem', readonly message: string }

const failed = (message: string): Folder => ({ kind: 'problem', message })

function pathOf (text: string): string | null {
  try {
    const url = new URL(text)
    return text.startsWith('file:///') && url.search === '' && url.hash === '' ? fileURLToPath(url) : null
  } catch {
    return null
  }
}

/** Reads `file:///srv/site`, and looks whether the folder is there. */
export function parseFolder (text: string): Folder {
  const path = pathOf(text)
  if (path === null) return failed('must be file:// and the absolute path of a folder, without query and fragment')
  try {
    return statSync(path).isDirectory() ? { kind: 'folder', path } : failed('names a file: it must be a folder')
  } catch (error) {
    return failed(`names a folder that cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'})`)
  }
}
