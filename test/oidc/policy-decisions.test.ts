import t from 'tap'
import { isEmailUnverified } from '../../packages/oidc/src/policy/verified-email.ts'
import { decide, NOW, SLACK, type Person } from './policy-parts.ts'

type Row = readonly [policy: object, person: Person, decision: string]

const parsed = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>

const G = 'allowed_groups'
const R = 'required_groups'
const S = 'required_scopes'
const E = 'allowed_emails'
const D = 'allowed_email_domains'
const C = 'required_claims'

const keycloak = (roles: unknown, client: unknown = []): Person => ({ id: { sub: 'u' }, accessToken: { realm_access: { roles }, resource_access: { 'app.example.com': { roles: client }, account: { roles: ['view-profile'] } } } })
const REALM = { required_groups: 'admin', groups_claim: 'realm_access.roles' }
const CLIENT = { required_groups: 'admin', groups_claim: ['resource_access', 'app.example.com', 'roles'] }
const KEYCLOAK: readonly Row[] = [
  [REALM, keycloak(['admin']), 'pass'],
  [REALM, keycloak(['user', 'admin']), 'pass'],
  [REALM, keycloak('admin'), 'pass'],
  [REALM, keycloak('user admin'), R],
  [REALM, keycloak(['user']), R],
  [REALM, keycloak([]), R],
  [REALM, keycloak(null), R],
  [REALM, keycloak({ admin: true }), R],
  [REALM, keycloak([['admin']]), R],
  [REALM, keycloak(['Admin']), R],
  [REALM, keycloak(['user'], ['admin']), R],
  [REALM, { id: { realm_access: 'admin' } }, R],
  [REALM, { id: { realm_access: ['admin'] } }, R],
  [REALM, { id: { 'realm_access.roles': ['admin'] } }, 'pass'],
  [REALM, { id: { realm_access: { roles: ['user'] } }, accessToken: { realm_access: { roles: ['admin'] } } }, R],
  [REALM, { bearer: { realm_access: { roles: ['admin'] } } }, 'pass'],
  [CLIENT, keycloak(['user'], ['admin']), 'pass'],
  [CLIENT, keycloak(['admin'], ['user']), R],
  [CLIENT, keycloak(['admin']), R],
  [CLIENT, { id: { resource_access: { app: { 'example.com': { roles: ['admin'] } } } } }, R],
  [{ ...CLIENT, groups_claim: 'resource_access.account.roles', required_groups: 'view-profile' }, keycloak([]), 'pass'],
  [{ ...CLIENT, groups_claim: 'resource_access.app.example.com.roles' }, keycloak([], ['admin']), R],
  [{ allowed_groups: { none_of: ['suspended'] }, groups_claim: 'realm_access.roles' }, keycloak(['admin']), 'pass'],
  [{ allowed_groups: { none_of: ['suspended'] }, groups_claim: 'realm_access.roles' }, keycloak(['admin', 'suspended']), G],
  [{ allowed_groups: { none_of: ['suspended'] }, groups_claim: 'realm_access.roles' }, keycloak([['suspended']]), G],
  [{ allowed_groups: { none_of: ['suspended'] }, groups_claim: 'realm_access.roles' }, keycloak({ suspended: true }), G],
  [{ allowed_groups: ['/staff/admins'], groups_claim: 'groups' }, { id: { groups: ['/staff', '/staff/admins'] } }, 'pass'],
  [{ allowed_groups: ['staff'], groups_claim: 'groups' }, { id: { groups: ['/staff'] } }, G]
]

const ROLES = 'urn:zitadel:iam:org:project:roles'
const zitadel = (roles: unknown): Person => ({ id: { sub: 'u', [ROLES]: roles } })
const PROJECT = { groups_claim: ROLES, allowed_groups: ['admin', 'editor'] }
const NO_GUESTS = { groups_claim: ROLES, allowed_groups: { none_of: ['guest'] } }
const ZITADEL: readonly Row[] = [
  [PROJECT, zitadel({ admin: { 280296: 'corp.zitadel.cloud' } }), 'pass'],
  [PROJECT, zitadel({ viewer: { 1: 'a' }, editor: { 1: 'a', 2: 'b' } }), 'pass'],
  [PROJECT, zitadel({ viewer: { 1: 'a' } }), G],
  [PROJECT, zitadel({ admin: {} }), 'pass'],
  [PROJECT, zitadel({ admin: 'corp.zitadel.cloud' }), G],
  [PROJECT, zitadel({ admin: false }), G],
  [PROJECT, zitadel({ admin: null }), G],
  [PROJECT, zitadel({ admin: ['1'] }), G],
  [PROJECT, zitadel({ org: { admin: { 1: 'a' } } }), G],
  [PROJECT, zitadel([{ admin: { 1: 'a' } }]), G],
  [PROJECT, zitadel(['admin']), 'pass'],
  [PROJECT, zitadel({}), G],
  [PROJECT, { bearer: { [ROLES]: { admin: { 1: 'a' } } } }, 'pass'],
  [PROJECT, { userinfo: { [ROLES]: { admin: { 1: 'a' } } } }, 'pass'],
  [{ ...PROJECT, groups_claim: [ROLES] }, zitadel({ admin: { 1: 'a' } }), 'pass'],
  [{ ...PROJECT, groups_claim: [ROLES, 'admin'], allowed_groups: ['corp.zitadel.cloud'] }, zitadel({ admin: { 1: 'corp.zitadel.cloud' } }), G],
  [{ groups_claim: 'urn:zitadel:iam:org:project:77:roles', required_groups: ['admin'] }, { id: { 'urn:zitadel:iam:org:project:77:roles': { admin: { 1: 'a' } } } }, 'pass'],
  [{ groups_claim: 'urn:zitadel:iam:org:project:77:roles', required_groups: ['admin'] }, zitadel({ admin: { 1: 'a' } }), R],
  [NO_GUESTS, zitadel({ admin: { 1: 'a' } }), 'pass'],
  [NO_GUESTS, zitadel({ admin: { 1: 'a' }, guest: { 1: 'a' } }), G],
  [NO_GUESTS, zitadel({ admin: { 1: 'a' }, guest: true }), G],
  [NO_GUESTS, zitadel({ admin: { 1: 'a' }, other: 7 }), G],
  [PROJECT, zitadel(parsed('{"__proto__":{"admin":{"1":"a"}}}')), G],
  [{ ...PROJECT, allowed_groups: ['__proto__'] }, zitadel(parsed('{"__proto__":{"1":"a"}}')), 'pass'],
  [{ ...PROJECT, allowed_groups: ['constructor', 'toString', 'hasOwnProperty'] }, zitadel({ viewer: { 1: 'a' } }), G]
]

const READ = { required_scopes: 'read', scopes_claim: 'scp' }
const DEEP = { required_scopes: ['read'], scopes_claim: 'authorization.scopes' }
const bearer = (scp: unknown): Person => ({ bearer: { scp }, scopes: ['read'] })
const deep = (scopes: unknown): Person => ({ bearer: { authorization: { scopes } } })
const SCOPES: readonly Row[] = [
  [READ, bearer('read'), 'pass'],
  [READ, bearer('write read'), 'pass'],
  [READ, bearer(' read  '), 'pass'],
  [READ, bearer(['read']), 'pass'],
  [READ, bearer(['openid', 'read']), 'pass'],
  [READ, bearer(['openid read', 'email']), 'pass'],
  [READ, bearer('reads'), S],
  [READ, bearer('READ'), S],
  [READ, bearer('read,write'), S],
  [READ, bearer('read\twrite'), S],
  [READ, bearer('read\nwrite'), S],
  [READ, bearer([['read']]), S],
  [READ, bearer({ read: true }), S],
  [READ, bearer({ read: {} }), S],
  [READ, bearer(true), S],
  [READ, bearer(null), S],
  [READ, bearer(''), S],
  [READ, bearer([]), S],
  [READ, { scopes: ['read'] }, S],
  [READ, { id: { scp: ['read'] } }, 'pass'],
  [READ, { accessToken: { scp: ['read'] } }, 'pass'],
  [READ, { id: { scp: ['openid'] }, accessToken: { scp: ['read'] } }, S],
  [{ required_scopes: '7', scopes_claim: 'scp' }, bearer(7), 'pass'],
  [{ required_scopes: '7', scopes_claim: 'scp' }, bearer([7, 8]), 'pass'],
  [{ required_scopes: 'true', scopes_claim: 'scp' }, bearer(true), S],
  [DEEP, deep('openid read'), 'pass'],
  [DEEP, deep(['read']), 'pass'],
  [DEEP, deep(['openid']), S],
  [DEEP, { bearer: { authorization: 'read' } }, S],
  [DEEP, { bearer: { authorization: [{ scopes: 'read' }] } }, S],
  [DEEP, { bearer: { 'authorization.scopes': 'read' } }, 'pass'],
  [{ ...DEEP, scopes_claim: ['authorization', 'scopes'] }, { bearer: { 'authorization.scopes': 'read' } }, S],
  [{ ...DEEP, scopes_claim: ['authorization', 'scopes'] }, deep('read'), 'pass'],
  [{ required_scopes: { any_of: ['openid', 'email', 'profile'] }, scopes_claim: 'scp' }, bearer(['offline_access']), S],
  [{ required_scopes: { any_of: ['openid', 'email', 'profile'] }, scopes_claim: 'scp' }, bearer(['email']), 'pass'],
  [{ required_scopes: { all_of: ['openid', 'email', 'profile'] }, scopes_claim: 'scp' }, bearer(['email', 'openid']), S],
  [{ required_scopes: { all_of: ['openid', 'email', 'profile'] }, scopes_claim: 'scp' }, bearer('profile email openid'), 'pass'],
  [{ required_scopes: { any_of: ['read write', 'admin'] }, scopes_claim: 'scp' }, bearer(['read', 'write']), 'pass'],
  [{ required_scopes: { any_of: ['read write', 'admin'] }, scopes_claim: 'scp' }, bearer(['read']), S],
  [{ required_scopes: { none_of: ['write'] }, scopes_claim: 'scp' }, bearer('read'), 'pass'],
  [{ required_scopes: { none_of: ['write'] }, scopes_claim: 'scp' }, bearer('read\twrite'), S],
  [{ required_scopes: { none_of: ['write'] }, scopes_claim: 'scp' }, bearer({ write: true }), S]
]

const admins = { allowed_groups: ['admin'] }
const groups = (...names: unknown[]): Person => ({ id: { groups: names } })
const many = (count: number, ...more: string[]): Person => groups(...Array.from({ length: count }, (_, index) => `group-${index}`), ...more)
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>(inner => [inner], 'admin')
const HOSTILE: readonly Row[] = [
  [admins, groups('admin'), 'pass'],
  [admins, groups('Admin'), G],
  [admins, groups('ADMIN'), G],
  [admins, groups('admin '), G],
  [admins, groups(' admin'), G],
  [admins, groups('admin\0'), G],
  [admins, groups('admin\n'), G],
  [admins, groups('\u0430dmin'), G],
  [admins, groups('\uff41dmin'), G],
  [admins, groups('adm\u0131n'), G],
  [admins, groups('ad\u200bmin'), G],
  [admins, groups('ad\u00admin'), G],
  [admins, groups('\u202eadmin'), G],
  [{ allowed_groups: ['caf\u00e9'] }, groups('cafe\u0301'), G],
  [{ allowed_groups: ['\u212admin'] }, groups('kmin'), G],
  [admins, groups(['admin']), G],
  [admins, groups({ name: 'admin' }), G],
  [admins, groups(null, undefined, true, 0, ''), G],
  [admins, groups(null, 'admin'), 'pass'],
  [admins, { id: { groups: nested(1000) } }, G],
  [admins, { id: { groups: 'admin,users' } }, G],
  [admins, { id: { groups: 'users admin' } }, G],
  [admins, { id: { groups: '["admin"]' } }, G],
  [admins, { id: { groups: true } }, G],
  [admins, { id: { groups: null }, accessToken: { groups: ['admin'] } }, 'pass'],
  [admins, { id: parsed('{"__proto__":{"groups":["admin"]}}') }, G],
  [admins, { id: parsed('{"constructor":{"prototype":{"groups":["admin"]}}}') }, G],
  [{ allowed_groups: ['7'] }, groups(7), 'pass'],
  [{ allowed_groups: ['7'] }, groups(7.5), G],
  [{ allowed_groups: ['1e+21'] }, groups(1e21), 'pass'],
  [{ allowed_groups: ['0'] }, groups(-0), 'pass'],
  [{ allowed_groups: ['null'] }, groups(null), G],
  [{ allowed_groups: ['[object Object]'] }, groups({}), G],
  [{ allowed_groups: ['undefined'] }, {}, G],
  [{ allowed_groups: ['toString'] }, {}, G],
  [{ allowed_groups: ['x'], groups_claim: 'toString' }, {}, G],
  [{ allowed_groups: ['x'], groups_claim: 'a.constructor.name' }, { id: { a: {} } }, G],
  [{ allowed_groups: ['1'], groups_claim: 'groups.length' }, groups('x'), G],
  [{ allowed_groups: ['x'], groups_claim: ['groups', '0'] }, groups('x'), G],
  [admins, many(20_000), G],
  [admins, many(20_000, 'admin'), 'pass'],
  [{ allowed_groups: { none_of: ['guest'] } }, many(20_000, 'guest'), G],
  [{ allowed_groups: { none_of: ['guest'] } }, groups('staff', { name: 'guest' }), G],
  [{ allowed_groups: { none_of: ['guest'] } }, { id: { groups: 'guest' } }, G],
  [{ allowed_groups: { none_of: ['guest'] } }, { id: { _claim_names: { groups: 'src1' } } }, G],
  [{ allowed_groups: { none_of: ['guest'] } }, { id: { _claim_names: 'groups' } }, 'pass'],
  [{ allowed_groups: { none_of: ['guest'] } }, { id: { _claim_names: { groups: 'src1' } }, userinfo: { groups: ['staff'] } }, 'pass'],
  [{ required_claims: { properties: { groups: { type: 'array', contains: { const: 'admin' } } }, required: ['groups'] } }, { id: parsed('{"__proto__":{"groups":["admin"]}}') }, C],
  [{ required_claims: { required: ['toString'] } }, { id: {} }, C],
  [{ required_claims: { properties: { hd: { enum: ['corp.com'] } }, required: ['hd'] } }, { id: { hd: 'CORP.com' } }, C],
  [{ required_claims: { not: { required: ['bot'] } } }, { id: { sub: 'u' }, userinfo: { bot: true } }, C]
]

const at = (email: string): Person => ({ email })
const ANN = { allowed_emails: ['ann@corp.com'] }
const CORP = { allowed_email_domains: ['corp.com'] }
const EMAILS: readonly Row[] = [
  [ANN, at('ann@corp.com'), 'pass'],
  [ANN, at('ANN@CORP.COM'), 'pass'],
  [{ allowed_emails: ['Ann@Corp.com'] }, at('aNN@corp.com'), 'pass'],
  [ANN, at('ann+x@corp.com'), E],
  [ANN, at('a.nn@corp.com'), E],
  [ANN, at('ann@corp.com '), E],
  [ANN, at('ann@corp.com\0'), E],
  [ANN, at('ann@corp.com@evil.com'), E],
  [ANN, at('ann@c\u043erp.com'), E],
  [ANN, at('\uff41nn@corp.com'), E],
  [{ allowed_emails: ['kim@corp.com'] }, at('\u212aim@corp.com'), E],
  [{ allowed_emails: ['ian@corp.com'] }, at('\u0130an@corp.com'), E],
  [ANN, {}, E],
  [{ allowed_emails: ['*@corp.com'] }, at('bob@corp.com'), 'pass'],
  [{ allowed_emails: ['*@corp.com'] }, at('bob@sub.corp.com'), E],
  [{ allowed_emails: ['*@corp.com'] }, at('bob@evilcorp.com'), E],
  [CORP, at('bob@corp.com'), 'pass'],
  [CORP, at('bob@CORP.com'), 'pass'],
  [CORP, at('bob@corp.com.'), D],
  [CORP, at('bob@corp.com.evil.com'), D],
  [CORP, at('bob@evil.com#corp.com'), D],
  [CORP, at('bob@evil.com@corp.com'), D],
  [CORP, at('@corp.com'), D],
  [CORP, at('corp.com'), D],
  [{ allowed_email_domains: ['.corp.com'] }, at('bob@a.b.corp.com'), 'pass'],
  [{ allowed_email_domains: ['.corp.com'] }, at('bob@corp.com'), 'pass'],
  [{ allowed_email_domains: ['.corp.com'] }, at('bob@xcorp.com'), D],
  [{ allowed_email_domains: { none_of: ['corp.com'] } }, at('bob@corp.com.'), D],
  [{ allowed_email_domains: { none_of: ['corp.com'] } }, at('bob@other.com'), 'pass'],
  [{ ...ANN, allowed_email_domains: { none_of: ['evil.com'] } }, at('ann@corp.com'), 'pass']
]

const API = { audience: 'api' }
const aud = (value: unknown): Person => ({ bearer: value === undefined ? {} : { aud: value } })
const A = 'audience'
const AUDIENCES: readonly Row[] = [
  [API, aud('api'), 'pass'],
  [API, aud(['x', 'api']), 'pass'],
  [API, aud('API'), A],
  [API, aud('api/'), A],
  [API, aud('x api'), A],
  [API, aud(['api x']), A],
  [API, aud([['api']]), A],
  [API, aud({ api: {} }), A],
  [API, aud(undefined), A],
  [API, aud(null), A],
  [API, aud([]), A],
  [API, { id: { aud: 'somebody else' } }, 'pass'],
  [{ audience: ['a', 'b'] }, aud('b'), 'pass'],
  [{ audience: 'a b' }, aud('b'), A],
  [{ audience: 'a b' }, aud(['b', 'a']), 'pass'],
  [{ audience: { any_of: ['a'], none_of: ['b'] } }, aud(['a', 'b']), A],
  [{ audience: { none_of: ['b'] } }, aud(['a']), 'pass'],
  [{ audience: { none_of: ['b'] } }, aud({ b: 1 }), A]
]

const login = (acr: unknown, time: unknown): Person => ({ id: { ...acr === undefined ? {} : { acr }, ...time === undefined ? {} : { auth_time: time } } })
const ACR = { acr_values: ['phr', 'mfa'] }
const FRESH = { max_age: 60 }
const STEP_UP: readonly Row[] = [
  [ACR, login('mfa', undefined), 'pass'],
  [ACR, login('phr', undefined), 'pass'],
  [{ acr_values: 'phr mfa' }, login('mfa', undefined), 'pass'],
  [{ acr_values: { any_of: ['mfa'] } }, login('phr', undefined), 'acr_values'],
  [ACR, login('pwd', undefined), 'acr_values'],
  [ACR, login('MFA', undefined), 'acr_values'],
  [ACR, login('phr mfa', undefined), 'acr_values'],
  [ACR, login(['mfa'], undefined), 'acr_values'],
  [ACR, login(undefined, NOW), 'acr_values'],
  [ACR, { id: parsed('{"__proto__":{"acr":"mfa"}}') }, 'acr_values'],
  [{ acr_values: ['2'] }, login(2, undefined), 'pass'],
  [FRESH, login(undefined, NOW), 'pass'],
  [FRESH, login(undefined, NOW - 60), 'pass'],
  [FRESH, login(undefined, NOW - 60 - SLACK), 'pass'],
  [FRESH, login(undefined, NOW - 60 - SLACK - 1), 'max_age'],
  [FRESH, login(undefined, NOW + SLACK), 'pass'],
  [FRESH, login(undefined, NOW + SLACK + 1), 'max_age'],
  [FRESH, login(undefined, String(NOW)), 'max_age'],
  [FRESH, login(undefined, NOW * 1000), 'max_age'],
  [FRESH, login(undefined, undefined), 'max_age'],
  [FRESH, login(undefined, null), 'max_age'],
  [FRESH, login(undefined, -1), 'max_age'],
  [FRESH, login(undefined, Infinity), 'max_age'],
  [FRESH, { bearer: { auth_time: NOW } }, 'pass'],
  [FRESH, { bearer: {} }, 'max_age'],
  [{ ...ACR, ...FRESH }, login('mfa', NOW), 'pass'],
  [{ ...ACR, ...FRESH }, login('mfa', 1), 'max_age'],
  [{ ...ACR, ...FRESH }, login('pwd', NOW), 'acr_values'],
  [{ ...ACR, allowed_groups: ['admin'] }, { id: { acr: 'pwd', groups: ['staff'] } }, G],
  [{ ...ACR, allowed_groups: ['admin'] }, { id: { acr: 'pwd', groups: ['admin'] } }, 'acr_values']
]

for (const [name, rows] of Object.entries({ Keycloak: KEYCLOAK, ZITADEL, scopes: SCOPES, 'hostile claims': HOSTILE, 'e-mail addresses': EMAILS, audiences: AUDIENCES, 'step-up': STEP_UP })) {
  t.test(`each policy decides of each identity as the table says: ${name}`, async t => {
    for (const [policy, person, decision] of rows) t.equal(decide(policy, person), decision, `${JSON.stringify(policy)}: ${JSON.stringify(person).slice(0, 120)}`)
  })
}

t.test('the tables are long enough', async t => {
  const count = [KEYCLOAK, ZITADEL, SCOPES, HOSTILE, EMAILS, AUDIENCES, STEP_UP].flat().length
  t.comment(`${count} rows`)
  t.ok(count >= 200)
})

t.test('an address is unverified wherever any source says anything but yes', async t => {
  for (const yes of [true, 'true', 'True', 1, '1', null, undefined]) t.notOk(isEmailUnverified([() => ({ email_verified: yes })]), String(yes))
  for (const no of [false, 'false', 'FALSE', 0, '0', '', 'yes', 'no', 2, [], ['true'], {}, NaN]) t.ok(isEmailUnverified([() => ({ email_verified: no })]), String(no))
  t.ok(isEmailUnverified([() => ({ email_verified: true }), () => null, () => ({ email_verified: false })]))
  t.notOk(isEmailUnverified([() => null, () => ({})]))
})
