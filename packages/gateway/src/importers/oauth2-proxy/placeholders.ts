/** `${your-okta-domain}`, `{your_domain}`, `<your-domain>`. */
const IN_BRACES = /\$?\{[A-Za-z][\w .-]*\}|<[A-Za-z][\w .-]*>/
const WHOLE_IN_BRACES = new RegExp(`^(?:${IN_BRACES.source})$`)
/** `XXXXX`, `YYY`. */
const REPEATED = /^([A-Za-z0-9*.])\1{2,}$/
const WORDS = ['secret', 'changeme', 'change-me', 'change_me', 'password', 'your-client-id', 'your-client-secret', 'cookie-secret', 'client-secret']

/** The placeholder that stands in an address or a name; null: there is none. */
export function findPlaceholder (text: string): string | null {
  return IN_BRACES.exec(text)?.[0] ?? null
}

/** Whether a secret or an id was never filled in. A real one may have braces in it: only the whole counts. */
export function isPlaceholder (text: string): boolean {
  return WHOLE_IN_BRACES.test(text) || REPEATED.test(text) || WORDS.includes(text.toLowerCase())
}
