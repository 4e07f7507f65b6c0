import { FormMissingError } from '../errors.ts'

export interface Form {
  readonly action: string
  readonly method: string
  readonly fields: ReadonlyMap<string, string>
}

const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'", '&#x2F;': '/' }

function unescapeHtml (text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39|#x27|#x2F);/gi, entity => ENTITIES[entity] ?? ENTITIES[entity.toLowerCase()] ?? entity)
}

function attribute (tag: string, name: string): string | null {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'i').exec(tag)
  return found === null ? null : unescapeHtml(found[1] ?? found[2] ?? found[3] ?? '')
}

function fieldsOf (body: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const [tag] of body.matchAll(/<input\b[^>]*>/gi)) {
    const name = attribute(tag, 'name')
    const type = attribute(tag, 'type')?.toLowerCase() ?? 'text'
    const ticked = !['checkbox', 'radio'].includes(type) || /\schecked\b/i.test(tag)
    if (name !== null && !['submit', 'button', 'image', 'reset'].includes(type) && ticked) fields.set(name, attribute(tag, 'value') ?? '')
  }
  return fields
}

/**
 * Finds a form of a page and what its inputs hold. Understands the forms of this project, not all of HTML.
 * @throws FST_OIDC_TESTING_NO_FORM when there are fewer forms
 */
export function findForm (html: string, index: number, where: string): Form {
  const found = [...html.matchAll(/(<form\b[^>]*>)([\s\S]*?)<\/form>/gi)][index]
  if (found === undefined) throw new FormMissingError(where)
  const [, tag = '', body = ''] = found
  return { action: attribute(tag, 'action') ?? '', method: attribute(tag, 'method')?.toUpperCase() ?? 'GET', fields: fieldsOf(body) }
}
