import { resolve } from 'node:path'
import { endpoint, partOf, refused, row, type Row } from '../row.ts'
import type { ValueTypes } from '../values.ts'
import { OPENING_ROWS } from './openings.ts'

const RULE = 'openid-connect: allowed_email_domains'
const HELD = 'held against every request, where OAuth2 Proxy refuses the login'

/** An option of the password file. */
function ofPasswords<T extends 'list' | 'flag'> (name: string | readonly [string, string], type: T, member: string, convert: (value: ValueTypes[T]) => unknown = value => value): Row {
  return row(name, type, { kind: 'exact', target: `endpoints.htpasswd.${member}`, says: 'no effect without `htpasswd_file`' }, (value, { path, ledger, draft, settings }) => {
    if ((settings.text('htpasswd_file') ?? '') === '') return ledger.exact(path, 'has no effect without htpasswd_file')
    draft.set(['endpoints', 'htpasswd', member], convert(value), path)
    ledger.exact(path, `is endpoints.htpasswd.${member} here`)
  })
}

/** Who may pass, and how. */
export const ACCESS_ROWS: readonly Row[] = [
  partOf(['email_domains', 'email-domain'], 'list', { kind: 'approximated', target: RULE, says: `${HELD}; \`required_claims\` beside \`htpasswd_file\` and \`insecure_oidc_allow_unverified_email\`, \`claim_schema\` (401) beside \`skip_jwt_bearer_tokens\`` }),
  row('authenticated_emails_file', 'text', { kind: 'varies', target: 'openid-connect: allowed_emails_file', says: `${HELD}; \`email_domains\` beside it is \`allowed_emails\`. Refused beside \`htpasswd_file\`, \`skip_jwt_bearer_tokens\` and \`insecure_oidc_allow_unverified_email\`` }, (value, { path, ledger, settings }) => {
    if (value === '') ledger.exact(path, 'is empty')
    else if (settings.list('email_domains').includes('*')) ledger.exact(path, 'has no effect beside email_domains = [ "*" ]')
  }),
  row('htpasswd_file', 'text', { kind: 'exact', target: 'endpoints.htpasswd.file', says: 'with `endpoints.htpasswd.basic`. Many wrong passwords are answered 429; bcrypt has a cost from 4 to 15' }, (value, { path, ledger, draft }) => {
    if (value === '') return ledger.exact(path, 'is empty')
    draft.set(['endpoints', 'htpasswd', 'file'], resolve(value), path)
    draft.set(['endpoints', 'htpasswd', 'basic'], true, path)
    ledger.exact(path, 'is endpoints.htpasswd here')
  }),
  ofPasswords(['htpasswd_user_groups', 'htpasswd-user-group'], 'list', 'groups', groups => groups.filter(group => group !== '')),
  ofPasswords('display_htpasswd_form', 'flag', 'display_form'),
  partOf(['allowed_groups', 'allowed-group'], 'list', { kind: 'approximated', target: 'openid-connect: allowed_groups', says: HELD }),
  partOf('oidc_email_claim', 'text', { kind: 'exact', target: 'openid-connect: email_claim', says: 'of the e-mail rule' }),
  partOf('user_id_claim', 'text', { kind: 'exact', target: 'openid-connect: email_claim', says: 'of the e-mail rule, where `oidc_email_claim` is `email`' }),
  partOf('oidc_groups_claim', 'text', { kind: 'exact', target: 'openid-connect: groups_claim', says: 'of the groups rule; a name with dots is also a path' }),
  partOf('insecure_oidc_allow_unverified_email', 'flag', { kind: 'exact', target: 'openid-connect: required_claims', says: '' }),
  row('skip_jwt_bearer_tokens', 'flag', { kind: 'varies', target: 'openid-connect: use_jwks, accept_id_token_as_bearer', says: 'a token that does not hold is 401, and no login; refused beside rules for e-mail addresses or groups' }, (value, { path, ledger, draft, settings }) => {
    if (!value) return ledger.exact(path, 'has no effect: it is the default')
    if (settings.list('email_domains').some(domain => domain !== '*') || settings.list('allowed_groups').length > 0) return ledger.refuse(path, 'is not available in this version beside email_domains other than * or allowed_groups')
    for (const name of ['use_jwks', 'accept_id_token_as_bearer']) draft.setOption([name], true, path)
    draft.setOption(['audience'], settings.text('client_id') ?? '', path)
    ledger.approximate(path, 'is use_jwks and accept_id_token_as_bearer here: a token that does not hold is answered 401, and no login follows')
  }),
  row('bearer_token_login_fallback', 'flag', { kind: 'approximated', says: 'a bearer token that does not hold is 401, whatever it says' }, (_value, { path, ledger, settings }) => {
    if (settings.flag('skip_jwt_bearer_tokens', false)) ledger.approximate(path, 'is left out: a bearer token that does not hold is answered 401')
    else ledger.exact(path, 'has no effect without skip_jwt_bearer_tokens')
  }),
  refused('extra_jwt_issuers', 'list', 'has no counterpart: bearer tokens are those of one provider'),
  ...OPENING_ROWS,
  endpoint(['whitelist_domains', 'whitelist-domain'], 'list', 'whitelist_domains'),
  refused('allow_query_semicolons', 'flag', 'has no counterpart: a semicolon does not part parameters')
]
