import { endpoint, later, leftOut, partOf, refused, row, type Row } from '../row.ts'
import { OPENING_ROWS } from './openings.ts'

const RULE = 'openid-connect: claim_schema'
const HELD = 'held against every request: 401, where OAuth2 Proxy says 403 at the login'

/** Who may pass, and how. */
export const ACCESS_ROWS: readonly Row[] = [
  partOf(['email_domains', 'email-domain'], 'list', { kind: 'approximated', target: RULE, says: HELD }),
  later('authenticated_emails_file', 'text'),
  later('htpasswd_file', 'text'),
  row(['htpasswd_user_groups', 'htpasswd-user-group'], 'list', { kind: 'exact', says: 'no effect without `htpasswd_file`, which is refused' }, (_value, { path, ledger }) => { ledger.exact(path, 'has no effect without htpasswd_file') }),
  leftOut('display_htpasswd_form', 'flag', 'there is no sign-in page in this version'),
  partOf(['allowed_groups', 'allowed-group'], 'list', { kind: 'approximated', target: RULE, says: HELD }),
  partOf('oidc_email_claim', 'text', { kind: 'exact', target: RULE, says: 'of the e-mail rule' }),
  partOf('user_id_claim', 'text', { kind: 'exact', target: RULE, says: 'of the e-mail rule, where `oidc_email_claim` is `email`' }),
  partOf('oidc_groups_claim', 'text', { kind: 'exact', target: RULE, says: 'of the groups rule; a name with dots is also a path' }),
  partOf('insecure_oidc_allow_unverified_email', 'flag', { kind: 'exact', target: RULE, says: '' }),
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
