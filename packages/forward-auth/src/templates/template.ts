import { createHash } from 'node:crypto'
import { escapeHtml } from 'fastify-oidc'
import { isTrue, type Expression, type ValueKind, type Values, type Variables } from './expression.ts'
import { fillAddress, joinParts, partBehindValue } from './address.ts'
import { advance, CONTENT, isAddress, type Findings, type Place } from './place.ts'
import { TemplateFault, type TemplateProblem } from './source.ts'
import { readTree, type Node } from './tree.ts'

/** A template that was checked: it cannot fail any more. */
export interface Template {
  render (values: Values): string
  /** Of its scripts, for `script-src`. */
  readonly scripts: readonly string[]
  /** It has a form that is sent by POST. */
  readonly posts: boolean
  /** What will not do what its author may expect. */
  readonly warnings: readonly TemplateProblem[]
}

/** encodeURIComponent throws on them. */
const HALF_CHARACTER = /[\ud800-\udfff]/gu

type Part = string | ((values: Values) => string)

function escaperAt (place: Place, kind: ValueKind, line: number): (text: string) => string {
  if (place.kind === 'content') return kind === 'html' ? text => text : escapeHtml
  if (place.kind === 'text') return escapeHtml
  if (place.kind !== 'value') throw new TemplateFault(line, 'nothing can be filled in here: only into text and attributes in quotes, never into scripts, styles, comments and names')
  const { attribute, element, part } = place
  if (kind === 'html') throw new TemplateFault(line, `HTML cannot be filled into ${attribute}`)
  if (attribute.startsWith('on') || ['style', 'srcdoc', 'srcset', 'http-equiv'].includes(attribute) || (element === 'meta' && attribute === 'content')) throw new TemplateFault(line, `nothing can be filled into ${attribute}`)
  if (part === null) return escapeHtml
  if (part === 'closed') throw new TemplateFault(line, 'nothing can be filled into an address of another scheme than http, https, mailto and tel')
  return text => escapeHtml(fillAddress(part, text))
}

/** Where the page stands when a value was filled in. */
function behind (place: Place): Place {
  return place.kind === 'value' && place.part !== null ? { ...place, part: partBehindValue(place.part) } : place
}

/** An attribute without a value ends with its branch. */
function settle (place: Place): Place {
  return place.kind === 'attribute name' || place.kind === 'tag name' ? { kind: 'tag', element: place.element } : place
}

/** Where a page stands behind a choice; null: it depends. */
function join (one: Place, other: Place): Place | null {
  if (JSON.stringify(one) === JSON.stringify(other)) return one
  if (one.kind !== 'value' || other.kind !== 'value' || one.part === null || other.part === null) return null
  const part = joinParts(one.part, other.part)
  return part === null || JSON.stringify({ ...one, part }) !== JSON.stringify({ ...other, part }) ? null : { ...one, part }
}

class Compiler implements Findings {
  readonly scripts: string[] = []
  readonly warnings: TemplateProblem[] = []
  posts = false

  onScript (text: string): void {
    if (text.trim() !== '') this.scripts.push(`'sha256-${createHash('sha256').update(text).digest('base64')}'`)
  }

  onStyle (text: string, line: number): void {
    if (/@import|url\(\s*["']?(?:https?:)?\/\//i.test(text)) throw new TemplateFault(line, 'the style loads something from elsewhere, which the page may not: write it into the template')
  }

  onAttribute (element: string, attribute: string, text: string, line: number): void {
    if (attribute === 'method' && /^\s*post\s*$/i.test(text)) this.posts = true
    if (attribute.startsWith('on')) this.warnings.push({ line, message: `${attribute} does not run: only what stands in <script> does` })
    if (isAddress(attribute) && /^\s*javascript:/i.test(text)) this.warnings.push({ line, message: `${attribute} does not run: only what stands in <script> does` })
    const loads = element === 'link' ? attribute === 'href' : element !== 'a' && element !== 'area' && (attribute === 'srcset' || ['src', 'poster', 'data', 'background'].includes(attribute))
    if (!loads) return
    if (element === 'script') throw new TemplateFault(line, 'the script comes from a file, which the page may not load: write it into the template')
    if (/^\s*(?:https?:)?\/\//i.test(text)) throw new TemplateFault(line, `${attribute} loads ${text.trim()} from elsewhere, which the page may not: write it into the template, as a data: address`)
    if (/\/static\/(?!page\.css$)/.test(text)) this.warnings.push({ line, message: `${text.trim()} is not there: the only file is page.css` })
  }

  #output (expression: Expression, place: Place, line: number): Part {
    const escape = escaperAt(place, expression.kind, line)
    return values => escape(String(expression.evaluate(values)).replace(HALF_CHARACTER, '\ufffd'))
  }

  #branch (node: Extract<Node, { kind: 'branch' }>, from: Place): { readonly part: Part, readonly place: Place } {
    if (!['content', 'text', 'tag', 'value'].includes(from.kind)) throw new TemplateFault(node.line, 'no choice can stand here: not in scripts, styles, comments and names')
    const then = this.compile(node.then, from)
    const otherwise = this.compile(node.otherwise, from)
    const place = join(settle(then.place), settle(otherwise.place))
    if (place === null) throw new TemplateFault(node.line, 'the branches end in different places: one leaves a tag, an attribute or an address open that the other does not')
    return { place, part: values => (isTrue(node.condition.evaluate(values)) ? then : otherwise).render(values) }
  }

  compile (nodes: readonly Node[], from: Place): { readonly render: (values: Values) => string, readonly place: Place } {
    const parts: Part[] = []
    let place = from
    for (const node of nodes) {
      if (node.kind === 'text') {
        place = advance(place, node.text, node.line, this)
        parts.push(node.text)
      } else if (node.kind === 'output') {
        parts.push(this.#output(node.expression, place, node.line))
        place = behind(place)
      } else {
        const branch = this.#branch(node, settle(place))
        parts.push(branch.part)
        place = branch.place
      }
    }
    return { render: values => parts.map(part => typeof part === 'string' ? part : part(values)).join(''), place }
  }
}

/**
 * Reads a page in the language of Go's html/template, as far as that is values, comparisons and choices. Values are escaped by where they stand.
 * @throws TemplateFault with the line
 */
export function readTemplate (source: string, name: string, variables: Variables): Template {
  const compiler = new Compiler()
  // A browser's scripts have no carriage returns when it counts their hash.
  const nodes = readTree(source.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'), name, variables)
  const { render, place } = compiler.compile(nodes, CONTENT)
  if (place.kind !== 'content') throw new TemplateFault(source.split('\n').length, 'the page ends inside a tag, a comment, a script or a style')
  return { render, scripts: compiler.scripts, posts: compiler.posts, warnings: compiler.warnings }
}
