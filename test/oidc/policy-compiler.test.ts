import t from 'tap'
import { checkOidcOptions } from 'fastify-oidc'
import { explainRefusal } from '../../packages/oidc/src/policy/refusal.ts'
import { BASE, compile, problemsOf, subjectOf, type Person } from './policy-parts.ts'
import { SECRET } from './support.ts'

const PEOPLE: Readonly<Record<string, Person>> = {
  ann: { id: { groups: ['staff', 'audit'], level: 3 }, scopes: ['openid', 'read'], email: 'ann@corp.com' },
  bob: { id: { groups: 'staff' }, userinfo: { groups: ['admin'], dept: 'it', level: 1 }, scopes: ['openid', 'read', 'write'], email: 'Bob@EU.Corp.com' },
  eve: { id: { groups: ['guest', 'staff', 'Admin', 'admin ', ''] }, scopes: ['openid', 'readonly'], email: 'eve@evil.com@corp.com' },
  kc: { accessToken: { realm_access: { roles: ['admin', 'user'] }, resource_access: { 'app.example.com': { roles: ['editor'] } }, scope: 'read write', dept: 'it' }, scopes: ['openid'], email: 'kc@other.org' },
  zit: { id: { 'urn:roles': { admin: { 1: 'corp.com' }, ghost: false, list: [] }, groups: [{ name: 'guest' }, 'staff'] } },
  ent: { id: { roles: ['admin'], _claim_names: { groups: 'src1' } }, accessToken: { scp: 'read  write' }, scopes: ['openid'], email: 'ent@corp.com' },
  api: { bearer: { aud: ['api', 'https://api.example'], scp: ['read', 'a b'], groups: ['staff'] }, scopes: ['read'] },
  nil: {}
}

/** Policies, and who may pass; nobody else may. */
const TABLE: ReadonlyArray<readonly [policy: object, who: string]> = [
  [{}, 'ann bob eve kc zit ent api nil'],
  [{ unauth_action: 'pass' }, 'ann bob eve kc zit ent api nil'],
  [{ required_scopes: 'read' }, 'ann bob api'],
  [{ required_scopes: 'read write' }, 'bob'],
  [{ required_scopes: ' write   read ' }, 'bob'],
  [{ required_scopes: ['read', 'write'] }, 'bob'],
  [{ required_scopes: ['read write'] }, 'bob'],
  [{ required_scopes: { all_of: ['read'] } }, 'ann bob api'],
  [{ required_scopes: { any_of: ['write', 'openid'] } }, 'ann bob eve kc ent'],
  [{ required_scopes: { any_of: ['read write', 'readonly'] } }, 'bob eve'],
  [{ required_scopes: { none_of: ['openid'] } }, 'zit api nil'],
  [{ required_scopes: { any_of: ['read'], none_of: ['write'] } }, 'ann api'],
  [{ required_scopes: 'read', scopes_claim: 'scp' }, 'ent api'],
  [{ required_scopes: 'read write', scopes_claim: 'scp' }, 'ent'],
  [{ required_scopes: 'a b', scopes_claim: 'scp' }, 'api'],
  [{ required_scopes: 'read', scopes_claim: 'scope' }, 'kc'],
  [{ required_scopes: 'read', scopes_claim: ['scope'] }, 'kc'],
  [{ required_scopes: 'admin', scopes_claim: 'urn:roles' }, ''],
  [{ required_scopes: { none_of: ['write'] }, scopes_claim: 'scp' }, 'ann bob eve kc zit api nil'],
  [{ allowed_groups: 'staff' }, 'ann bob eve zit api'],
  [{ allowed_groups: ['staff'] }, 'ann bob eve zit api'],
  [{ allowed_groups: ['audit', 'guest'] }, 'ann eve'],
  [{ allowed_groups: 'audit staff' }, 'ann'],
  [{ allowed_groups: { all_of: ['audit', 'staff'] } }, 'ann'],
  [{ allowed_groups: ['admin'] }, ''],
  [{ allowed_groups: ['Admin'] }, 'eve'],
  [{ allowed_groups: ['admin '] }, 'eve'],
  [{ allowed_groups: ['taff', 'staf'] }, ''],
  [{ allowed_groups: { none_of: ['guest'] } }, 'ann bob kc api nil'],
  [{ allowed_groups: { any_of: ['staff'], none_of: ['guest'] } }, 'ann bob api'],
  [{ required_groups: ['staff', 'audit'] }, 'ann'],
  [{ required_groups: { any_of: ['staff', 'audit'] } }, 'ann bob eve zit api'],
  [{ required_groups: 'staff', allowed_groups: ['audit', 'guest'] }, 'ann eve'],
  [{ required_groups: 'admin', groups_claim: 'realm_access.roles' }, 'kc'],
  [{ required_groups: 'admin', groups_claim: ['realm_access', 'roles'] }, 'kc'],
  [{ required_groups: 'admin', groups_claim: ['realm_access.roles'] }, ''],
  [{ required_groups: 'roles', groups_claim: 'realm_access' }, ''],
  [{ required_groups: 'editor', groups_claim: ['resource_access', 'app.example.com', 'roles'] }, 'kc'],
  [{ required_groups: 'editor', groups_claim: 'resource_access.app.example.com.roles' }, ''],
  [{ required_groups: 'admin', groups_claim: 'urn:roles' }, 'zit'],
  [{ required_groups: { any_of: ['ghost', 'list'] }, groups_claim: 'urn:roles' }, ''],
  [{ allowed_groups: { none_of: ['ghost'] }, groups_claim: 'urn:roles' }, 'ann bob eve kc ent api nil'],
  [{ required_groups: 'admin', groups_claim: 'roles' }, 'ent'],
  [{ required_groups: 'length', groups_claim: 'groups.length' }, ''],
  [{ required_groups: 'Object', groups_claim: '__proto__' }, ''],
  [{ allowed_emails: 'ann@corp.com' }, 'ann'],
  [{ allowed_emails: ['ANN@corp.COM', 'kc@other.org'] }, 'ann kc'],
  [{ allowed_emails: ['*@corp.com'] }, 'ann ent'],
  [{ allowed_emails: ['*@.corp.com', 'kc@other.org'] }, 'ann bob kc ent'],
  [{ allowed_emails: { none_of: ['ann@corp.com'] } }, 'bob kc ent'],
  [{ allowed_email_domains: 'corp.com' }, 'ann ent'],
  [{ allowed_email_domains: ['CORP.com', 'other.org'] }, 'ann kc ent'],
  [{ allowed_email_domains: ['.corp.com'] }, 'ann bob ent'],
  [{ allowed_email_domains: ['*.corp.com'] }, 'ann bob ent'],
  [{ allowed_email_domains: { any_of: ['.corp.com'], none_of: ['corp.com'] } }, 'bob'],
  [{ allowed_email_domains: '*' }, 'ann bob eve kc ent'],
  [{ allowed_email_domains: { none_of: ['corp.com'] } }, 'bob kc'],
  [{ allowed_email_domains: 'corp.com', allowed_emails: ['ann@corp.com', 'kc@other.org'] }, 'ann'],
  [{ required_claims: { required: ['dept'] } }, 'bob kc'],
  [{ required_claims: { properties: { level: { minimum: 2 } }, required: ['level'] } }, 'ann'],
  [{ required_claims: { properties: { groups: { const: 'staff' } }, required: ['groups'] } }, 'bob'],
  [{ required_claims: { properties: { groups: { contains: { const: 'audit' } } }, required: ['groups'] }, allowed_groups: ['staff'] }, 'ann bob'],
  [{ audience: 'api' }, 'ann bob eve kc zit ent api nil'],
  [{ audience: 'other' }, 'ann bob eve kc zit ent nil'],
  [{ audience: ['other', 'https://api.example'] }, 'ann bob eve kc zit ent api nil'],
  [{ audience: { all_of: ['api', 'other'] } }, 'ann bob eve kc zit ent nil'],
  [{ audience: 'api', required_scopes: 'read', allowed_groups: ['staff'] }, 'ann bob api'],
  [{ audience: { none_of: ['api'] } }, 'ann bob eve kc zit ent nil']
]

t.test('each policy lets pass whom it names, and nobody else', async t => {
  t.ok(TABLE.length * Object.keys(PEOPLE).length >= 200)
  for (const [policy, who] of TABLE) {
    const compiled = compile(policy)
    for (const [name, person] of Object.entries(PEOPLE)) {
      t.equal(compiled.judge(subjectOf(person)) === null, who.split(' ').includes(name), `${JSON.stringify(policy)}: ${name}`)
    }
  }
})

t.test('no other spelling of an address gets around being shut out', async t => {
  const spellings = ['eve@corp.com', 'EVE@Corp.COM', '"eve"@corp.com', '"e@x"@corp.com', 'eve(no)@corp.com', 'eve@evil.com@corp.com', 'eve@corp.com.', 'eve@corp.com ', 'eve@corp.com\0', 'eve\\@corp.com', 'eve@\uff43orp.com', 'eve@corp\u3002com', 'eve@corp.com\u200b', 'e\u00adve@corp.com', '\uff45ve@corp.com', 'eve@b\u00fccher.example', 'eve@', '@corp.com', 'eve', 'eve'.repeat(50_000)]
  const shut = [
    { allowed_email_domains: { none_of: ['corp.com', 'b\u00fccher.example'] } },
    { allowed_email_domains: { any_of: ['*'], none_of: ['corp.com', 'xn--bcher-kva.example'] } },
    { allowed_emails: { none_of: ['eve@corp.com', 'eve@xn--bcher-kva.example'] } }
  ]
  for (const policy of shut) {
    const compiled = compile(policy)
    for (const email of spellings) {
      t.not(compiled.judge(subjectOf({ email })), null, `${JSON.stringify(policy)}: ${email.slice(0, 40)}`)
    }
    for (const email of ['bob@other.org', "o'neil+1@mail.other.org", 'b\u00f6b@other.org', 'bob@xn--strae-oqa.example']) t.equal(compiled.judge(subjectOf({ email })), null, email)
  }
  t.match(compile(shut[0]).judge(subjectOf({ email: 'eve@corp.com.' })), { option: 'allowed_email_domains', unmet: 'none_of', detail: /several ways/ })
})

t.test('what would let everyone in, or nobody, stops the boot and says what to do', async t => {
  const everyone = 'is empty, and would let everyone in: name what is required, or leave it out'
  const cases: ReadonlyArray<readonly [policy: object, problems: readonly string[]]> = [
    [{ allowed_groups: [] }, [`allowed_groups ${everyone}`]],
    [{ required_groups: { any_of: [] } }, [`required_groups.any_of ${everyone}`]],
    [{ allowed_emails: { none_of: [] } }, [`allowed_emails.none_of ${everyone}`]],
    [{ audience: [] }, [`audience ${everyone}`]],
    [{ required_scopes: ' ' }, [`required_scopes ${everyone}`]],
    [{ allowed_groups: {} }, ['allowed_groups needs all_of, any_of or none_of: as it is, it would let everyone in']],
    [{ required_claims: {} }, ['required_claims is empty, and would let everyone in: say what is required, or leave it out']],
    [{ required_scopes: ['read', ' '] }, ['required_scopes[1] is blank: name what is required']],
    [{ required_scopes: { none_of: ['a b'] } }, ['required_scopes.none_of[0] has a blank in it: give each name an entry of its own']],
    [{ allowed_groups: { all_of: ['a', 'b'], none_of: ['b'] } }, ['allowed_groups.none_of has "b", which stands in all_of too: nobody is let in by it, so take it out of one of them']],
    [{ required_scopes: { any_of: ['a b', 'c'], none_of: ['b'] } }, ['required_scopes.none_of has "b", which stands in any_of too: nobody is let in by it, so take it out of one of them']],
    [{ required_groups: ['a'], allowed_groups: { none_of: ['a'] } }, ['required_groups and allowed_groups both ask for and shut out "a": nobody can pass, so take one of them back']],
    [{ required_groups: { none_of: ['a', 'b'] }, allowed_groups: ['a', 'b'] }, ['required_groups and allowed_groups shut out between them every group that they ask for: nobody can pass, so take one of them back']],
    [{ allowed_emails: 'a@b.c d@e.f' }, ['allowed_emails is several of which nobody has more than one: write a list']],
    [{ allowed_emails: ['ann', 'a@b@c', '*@x/y'] }, ['allowed_emails[0] must be an e-mail address, such as "ann@example.com", or "*@example.com" for all of a domain', 'allowed_emails[1] must be an e-mail address, such as "ann@example.com", or "*@example.com" for all of a domain', 'allowed_emails[2] must be a domain, such as "example.com", ".example.com" for what is below it too, or "*" for whoever has an address']],
    [{ allowed_email_domains: { any_of: ['a.example:443'] } }, ['allowed_email_domains.any_of[0] must be a domain, such as "example.com", ".example.com" for what is below it too, or "*" for whoever has an address']],
    ...[
      { allowed_emails: ['a@b.example', '*@c.example'], allowed_email_domains: ['d.example'] },
      { allowed_emails: 'a@b.example', allowed_email_domains: { none_of: ['.b.example'] } },
      { allowed_emails: { any_of: ['a@b.example'], none_of: ['A@B.example'] } },
      { allowed_emails: { any_of: ['a@b.example'], none_of: ['*@b.example'] } }
    ].map(policy => [policy, ['allowed_emails names nobody who gets past']] as const),
    [{ allowed_email_domains: { any_of: ['.b.example'], none_of: ['*.b.example'] } }, ['allowed_email_domains names nobody who gets past']],
    [{ allowed_email_domains: { any_of: ['a.b.example'], none_of: ['.b.example'] } }, ['allowed_email_domains names nobody who gets past']],
    ...[
      { allowed_email_domains: { any_of: ['.b.example'], none_of: ['b.example'] } },
      { allowed_email_domains: { any_of: ['*'], none_of: ['b.example'] } },
      { allowed_emails: ['a@b.example', 'c@d.example'], allowed_email_domains: ['d.example'] },
      { allowed_emails: ['*@.b.example'], allowed_email_domains: ['x.b.example'] },
      { allowed_emails: ['*@.b.example'], allowed_email_domains: { none_of: ['b.example', 'x.b.example'] } },
      { allowed_emails: { none_of: ['a@b.example'] }, allowed_email_domains: ['b.example'] },
      { allowed_emails: ['*@.b.example'], allowed_email_domains: ['b.example'] }
    ].map(policy => [policy, []] as const),
    [{ allowed_emails: { all_of: ['a@b.c'] } }, ['allowed_emails.all_of is not a known option; did you mean any_of?']],
    [{ allowed_groups: { any_off: ['a'] } }, ['allowed_groups.any_off is not a known option; did you mean any_of?']],
    [{ allowed_groups: { any_of: 'a' } }, ['allowed_groups.any_of must be an array, not a string']],
    [{ allowed_groups: [7] }, ['allowed_groups[0] must be a string, not a number']],
    [{ allowed_groups: true }, ['allowed_groups must be a string, an array, an object or false, not a boolean']],
    [{ audience: false }, ['audience must be a string, an array or an object, not a boolean']],
    [{ groups_claim: 'roles' }, ['groups_claim has no effect without allowed_groups or required_groups']],
    [{ scopes_claim: 'scp' }, ['scopes_claim has no effect without required_scopes']],
    [{ required_claims: { type: 'text' } }, ['required_claims is not a JSON Schema: schema is invalid: data/type must be equal to one of the allowed values']]
  ]
  for (const [policy, problems] of cases) {
    const found = problemsOf(policy)
    t.equal(found.length, problems.length, JSON.stringify(policy))
    for (const [index, problem] of problems.entries()) t.ok(found[index]?.startsWith(problem), `${JSON.stringify(policy)}: ${found[index] ?? 'nothing'}`)
  }
  const options = { client_id: 'app', client_secret: 'a secret of the client', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }
  t.match(checkOidcOptions({ ...options, allowed_groups: [], audience: 'x' }).problems.map(({ path }) => path.join('.')), ['audience', 'allowed_groups'], 'the plugin has the same compiler')
  t.match(checkOidcOptions({ ...options, allowed_groups: false }).problems, [{ path: ['allowed_groups'], message: 'must be a string, an array or an object, not a boolean' }], 'and nothing that could be taken away')
})

t.test('a route goes before the plugin option by option, and false takes away', async t => {
  const base = compile({ required_scopes: 'read', allowed_groups: ['audit'] })
  const passes = (policy: object): string => Object.keys(PEOPLE).filter(name => compile(policy, base).judge(subjectOf(PEOPLE[name] ?? {})) === null).join(' ')
  t.equal(passes({}), 'ann')
  t.equal(passes({ allowed_groups: ['staff'] }), 'ann bob api')
  t.equal(passes({ allowed_groups: false }), 'ann bob api')
  t.equal(passes({ required_scopes: false }), 'ann')
  t.equal(passes({ required_scopes: false, allowed_groups: false }), Object.keys(PEOPLE).join(' '))
  t.strictSame(problemsOf({ required_groups: { none_of: ['audit'] } }, base).length, 1, 'what the plugin says can be contradicted too')
})

t.test('a refusal says which option refused and what was found, in one bounded line', async t => {
  const explain = (policy: object, person: Person): string => {
    const refusal = compile(policy).judge(subjectOf(person))
    return refusal === null ? 'none' : explainRefusal(refusal)
  }
  t.equal(explain({ required_scopes: 'read write' }, { scopes: ['openid', 'read'] }), 'required_scopes misses write; found openid, read')
  t.equal(explain({ allowed_groups: ['a', 'b'] }, {}), 'allowed_groups wants one of a, b; found none')
  t.equal(explain({ allowed_groups: { none_of: ['a'] } }, { id: { groups: ['a', 'c'] } }), 'allowed_groups shuts out a; found a, c')
  t.match(explain({ allowed_groups: { none_of: ['a'] } }, { id: { _claim_names: { groups: 's' } } }), /^allowed_groups cannot tell: .* elsewhere; found none$/)
  t.equal(explain({ allowed_emails: ['a@b.c'] }, {}), 'allowed_emails finds no e-mail address, or one that is not verified')
  t.equal(explain({ required_claims: { required: ['dept'] } }, {}), 'required_claims does not hold: property "dept" is required')
  t.equal(explain({ audience: 'x' }, { bearer: {} }), 'audience misses the claim')
  t.equal(explain({ allowed_groups: ['a'] }, { id: { groups: ['x\ny\u001b[2J', 'z'.repeat(500)] } }), `allowed_groups wants one of a; found x?y?[2J, ${'z'.repeat(100)}…`)
  t.match(explain({ allowed_groups: ['a'] }, { id: { groups: Array.from({ length: 5000 }, (_, index) => `g${index}`) } }), /g19, and 4980 more$/)
})

t.test('a verdict is found once for each caller and policy', async t => {
  let reads = 0
  const subject = { ...subjectOf({}), sources: [() => { reads++; return { groups: ['staff'] } }] }
  const policy = compile({ allowed_groups: ['admin'] })
  const verdict = policy.judge(subject)
  t.equal(policy.judge(subject), verdict)
  t.equal(reads, 1)
  t.equal(compile({ allowed_groups: ['staff'] }).judge(subject), null)
  t.equal(BASE.judge(subject), null)
  t.equal(reads, 2)
})
