const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/**
 * Has this JSON object two members of one name (RFC 7515, section 4; RFC 7519, section 4)? The parser takes the last
 * one; who reads the token behind us may take the first.
 */
export function hasRepeatedNames (json: string, parsed: unknown): boolean {
  // What comes back as it was has lost nothing; others write blanks, escapes or numbers in their own way.
  if (JSON.stringify(parsed) === json) return false
  const names = new Set<string>()
  let depth = 0
  let text: string | null = null
  for (const [part] of json.matchAll(TOKEN)) {
    if (part === '{' || part === '[') depth += 1
    else if (part === '}' || part === ']') depth -= 1
    else if (part === ':' && depth === 1 && text !== null) {
      const name = JSON.parse(text) as string
      if (names.has(name)) return true
      names.add(name)
    }
    text = part.startsWith('"') ? part : null
  }
  return false
}
