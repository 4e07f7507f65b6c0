/** Text that is HTML already; the brand keeps plain strings from passing for it. */
export interface Html { readonly html: string }

type Part = string | number | null | Html | readonly Html[]

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Of text, for content and for quoted attributes. */
export function escapeHtml (text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character] ?? '')
}

/** Vouches for HTML: an operator wrote it, or we did. Never of what a browser, a token or a provider sent. */
export function trustHtml (html: string): Html {
  return { html }
}

function format (part: Part): string {
  if (part === null) return ''
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part))
  return 'html' in part ? part.html : part.map(({ html }) => html).join('')
}

/** HTML with values in it: text is escaped, HTML is not, null is nothing. Attributes have to be in double quotes. */
export function html (literals: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: literals.reduce((before, literal, index) => before + format(parts[index - 1] ?? null) + literal) }
}
