import { METHODS } from 'node:http'
import { option, row, type Context, type Row } from '../row.ts'
import type { Settings } from '../settings.ts'

const STRICTER = 'a path that two servers could read differently is not open, and a negated rule ignores case'
const OWN_JSON = 'what is answered is JSON of this gateway'
const DEFAULT = 'has no effect: it is the default'

/** Where OAuth2 Proxy parts a rule: at the first `=` or `!=`, wherever it stands. */
const PARTS = /^(?<method>.*?)(?<sign>!?=)(?<expression>.*)$/s

type Reading = 'same' | 'never' | 'negated'

/** What OAuth2 Proxy makes of a rule; `never`: what stands before `=` is no method, so that it holds for no request. */
function readRule (rule: string): Reading {
  const { method = '', sign, expression = '' } = PARTS.exec(rule)?.groups ?? {}
  if (sign === undefined) return 'same'
  if (method !== '' && !METHODS.includes(method.toUpperCase())) return 'never'
  return sign === '=' && expression.includes('!=') ? 'negated' : 'same'
}

/** An expression in which `=` parts nothing. */
const whole = (expression: string): string => expression.includes('=') ? `(?:${expression})` : expression

const rulesOf = (settings: Settings): string[] => [
  ...settings.list('skip_auth_routes').filter(rule => readRule(rule) === 'same'),
  ...settings.list('skip_auth_regex').map(whole)
]

function translateRules (written: readonly string[], { path, settings, ledger, draft }: Context): void {
  if (written.length === 0) return ledger.exact(path, 'is empty')
  const rules = rulesOf(settings)
  if (rules.length > 0) draft.setOption(['skip_auth_routes'], rules, path)
  ledger.approximate(path, `is skip_auth_routes here: ${STRICTER}`)
}

function translateSkipRoutes (written: readonly string[], context: Context): void {
  const { path, ledger } = context
  const negated = written.find(rule => readRule(rule) === 'negated')
  if (negated !== undefined) return ledger.refuse(path, `has ${JSON.stringify(negated)}, which OAuth2 Proxy takes for negated, for its expression has != in it: write [!]= for that in the expression`)
  translateRules(written, context)
  for (const rule of written.filter(rule => readRule(rule) === 'never')) ledger.note(path, `${JSON.stringify(rule)} is left out: OAuth2 Proxy takes what stands before = for a method, and the rule opens nothing`)
}

function translateTrusted (written: readonly string[], { path, settings, ledger, draft }: Context): void {
  if (written.length === 0) return ledger.exact(path, 'is empty')
  draft.setOption(['trusted_ips'], written, path)
  if (settings.flag('reverse_proxy', false)) ledger.approximate(path, 'is trusted_ips here: the address is the one that trust_proxy finds in X-Forwarded-For, and whoever is in trust_proxy may name any')
  else ledger.exact(path, 'is trusted_ips here')
}

/** Requests that need no session, and those that get no page. */
export const OPENING_ROWS: readonly Row[] = [
  row(['skip_auth_routes', 'skip-auth-route'], 'list', { kind: 'approximated', target: 'openid-connect: skip_auth_routes', says: STRICTER }, translateSkipRoutes),
  row('skip_auth_regex', 'list', { kind: 'approximated', target: 'openid-connect: skip_auth_routes', says: STRICTER }, translateRules),
  option('skip_auth_preflight', 'flag', 'skip_auth_preflight'),
  row(['trusted_ips', 'trusted-ip'], 'list', { kind: 'varies', target: 'openid-connect: trusted_ips', says: 'exact; with `reverse_proxy` the address is the one that `trust_proxy` finds in `X-Forwarded-For`' }, translateTrusted),
  row(['api_routes', 'api-route'], 'list', { kind: 'approximated', target: 'openid-connect: api_routes', says: OWN_JSON }, (written, { path, ledger, draft }) => {
    if (written.length === 0) return ledger.exact(path, 'is empty')
    draft.setOption(['api_routes'], written, path)
    ledger.approximate(path, `is api_routes here: ${OWN_JSON}`)
  }),
  row('force_json_errors', 'flag', { kind: 'approximated', target: 'openid-connect: force_json_errors', says: OWN_JSON }, (value, { path, ledger, draft }) => {
    if (!value) return ledger.exact(path, DEFAULT)
    draft.setOption(['force_json_errors'], true, path)
    ledger.approximate(path, `is force_json_errors here: ${OWN_JSON}`)
  })
]
