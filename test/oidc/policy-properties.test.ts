import t from 'tap'
import fc from 'fast-check'
import { decide, NOW, problemsOf, type Person } from './policy-parts.ts'

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const list = fc.uniqueArray(names, { minLength: 1, maxLength: 4 })
const lists = fc.record({ all_of: list, any_of: list, none_of: list }, { requiredKeys: [] })
const requirement = fc.oneof(list, lists, list.map(words => words.join(' ')))
const addresses = fc.constantFrom('a@x.example', 'b@sub.x.example', 'A@X.example', 'c@y.example', 'a@y.example@x.example')
const domains = fc.uniqueArray(fc.constantFrom('x.example', '.x.example', 'y.example', '*'), { minLength: 1 })
const options = {
  required_scopes: requirement,
  allowed_groups: requirement,
  required_groups: requirement,
  allowed_emails: fc.uniqueArray(fc.constantFrom('a@x.example', '*@y.example', 'b@sub.x.example'), { minLength: 1 }),
  allowed_email_domains: fc.oneof(domains, fc.record({ any_of: domains, none_of: domains }, { requiredKeys: [] })),
  required_claims: fc.constantFrom({ required: ['dept'] }, { properties: { level: { minimum: 2 } }, required: ['level'] }),
  audience: requirement,
  acr_values: fc.oneof(list, list.map(values => values.join(' '))),
  max_age: fc.constantFrom(60, 3600)
}
const policies = fc.record(options, { requiredKeys: [] })
const value = fc.oneof(fc.array(names), names, fc.array(fc.oneof(names, fc.integer(), fc.constant(null), fc.constant({ name: 'a' }))), fc.dictionary(names, fc.oneof(fc.constant({ org: 'x' }), fc.boolean())), fc.constant(null))
const claims = fc.record({ groups: value, aud: value, dept: fc.constant('it'), level: fc.integer({ min: 0, max: 4 }), acr: names, auth_time: fc.constantFrom(NOW, NOW - 600, NOW - 7200), _claim_names: fc.constant({ groups: 'elsewhere' }) }, { requiredKeys: [] })
const people: fc.Arbitrary<Person> = fc.oneof(
  fc.record({ id: claims, accessToken: claims, userinfo: claims, scopes: fc.array(names), email: addresses }, { requiredKeys: [] }),
  fc.record({ bearer: claims, scopes: fc.array(names), email: addresses }, { requiredKeys: ['bearer'] })
)

const holds = (policy: object): boolean => problemsOf(policy).length === 0
const passes = (policy: object, person: Person): boolean => decide(policy, person) === 'pass'
const runs = { numRuns: 200 }

t.test('one requirement more never lets anybody else in', async t => {
  fc.assert(fc.property(policies, fc.constantFrom(...Object.keys(options)), people, (policy, name, person) => {
    fc.pre(holds(policy))
    const { [name]: _taken, ...fewer } = policy as Record<string, unknown>
    return !passes(policy, person) || passes(fewer, person)
  }), runs)
  t.pass()
})

t.test('one list more of a requirement never lets anybody else in', async t => {
  fc.assert(fc.property(fc.constantFrom('required_scopes', 'allowed_groups', 'required_groups', 'audience'), lists, fc.constantFrom('all_of', 'any_of', 'none_of'), people, (option, written, member, person) => {
    const { [member]: _taken, ...fewer } = written as Record<string, unknown>
    fc.pre(holds({ [option]: written }) && Object.keys(fewer).length > 0)
    return !passes({ [option]: written }, person) || passes({ [option]: fewer }, person)
  }), runs)
  t.pass()
})

t.test('none_of never lets in whom it lists', async t => {
  fc.assert(fc.property(list, names, fc.array(names), fc.constantFrom('list', 'text', 'roles'), fc.constantFrom('required_groups', 'allowed_groups'), (excluded, name, others, shape, option) => {
    const has = [...others, name]
    const groups = shape === 'list' ? has : shape === 'text' ? name : Object.fromEntries(has.map(role => [role, { org: 'x' }]))
    const lets = passes({ [option]: { none_of: excluded } }, { id: { groups } })
    const scoped = passes({ required_scopes: { none_of: excluded } }, { scopes: has })
    const claimed = passes({ required_scopes: { none_of: excluded }, scopes_claim: 'scp' }, { bearer: { scp: shape === 'text' ? has.join(' ') : has } })
    const addressed = passes({ audience: { none_of: excluded } }, { bearer: { aud: has } })
    return !(excluded.includes(name) && (lets || scoped || claimed || addressed))
  }), runs)
  t.pass()
})

t.test('nothing that stands where groups should lets somebody past none_of whose groups cannot be read', async t => {
  fc.assert(fc.property(fc.jsonValue(), groups => {
    const lets = passes({ allowed_groups: { none_of: ['a'] } }, { id: { groups } })
    const texts = Array.isArray(groups) ? groups : [groups]
    const isReadable = groups === null || texts.every(text => typeof text === 'string' || typeof text === 'number') || (typeof groups === 'object' && !Array.isArray(groups))
    return !lets || isReadable
  }), runs)
  t.pass()
})

t.test('the order of lists does not matter', async t => {
  const reversed = (written: unknown): unknown => Array.isArray(written)
    ? [...written].reverse()
    : typeof written === 'string' ? written.split(' ').reverse().join(' ') : written === null || typeof written !== 'object' ? written : Object.fromEntries(Object.entries(written).reverse().map(([name, member]) => [name, reversed(member)]))
  fc.assert(fc.property(policies, people, (policy, person) => {
    fc.pre(holds(policy))
    const { required_claims: schema, ...lists } = policy
    const other = { ...reversed(lists) as object, ...schema === undefined ? {} : { required_claims: schema } }
    const flipped: Person = { ...person, ...person.scopes === undefined ? {} : { scopes: [...person.scopes].reverse() } }
    return passes(policy, person) === passes(other, flipped)
  }), runs)
  t.pass()
})
