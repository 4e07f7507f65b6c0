import { Type, type Static } from '@sinclair/typebox'
import { withDefault, type OptionProblem, type Resolved } from 'fastify-oidc-session-store'
import { claimPath } from '../policy/schema.ts'
import { isSpeakable } from './header-value.ts'

/** What a consumer is looked up by. */
export type ConsumerKey = 'id' | 'username' | 'custom_id'

const MAX_NAME = 256
const name = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME, description }))
const names = (description: string) => Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: MAX_NAME }), { description }))
const seconds = (value: number, description: string) => withDefault(Type.Integer({ minimum: 0, maximum: 86_400, description }), value)

/** A consumer as it is written. */
export const consumerSchema = Type.Object({
  id: name('Id of the consumer.'),
  username: name('Name of the consumer.'),
  custom_id: name('What the consumer is called elsewhere, such as the `sub` that the provider gives.'),
  groups: names('Groups of the consumer.'),
  tags: names('Tags, for people and tools.')
}, { additionalProperties: false })

/** Somebody whom an application or an upstream knows by a name of its own. */
export interface ConsumerRecord extends Static<typeof consumerSchema> {}

/** `consumer`. */
export const consumerOptionsSchema = Type.Object({
  claims: Type.Optional(Type.Array(claimPath('A claim.'), { minItems: 1, description: 'Claims that say which consumer somebody is, each a path: the first that leads to a consumer decides. Of a session each is taken from the ID token, else the access token, else the userinfo; of a bearer token from the token. Whoever is no consumer gets 403 `FST_OIDC_CONSUMER_UNMAPPED`, and keeps the session. An `email` that the provider calls unverified is none.' })),
  by: withDefault(Type.Array(Type.Union([Type.Literal('id'), Type.Literal('username'), Type.Literal('custom_id')]), { minItems: 1, description: 'What the claim is held against, in this order: `id`, `username`, `custom_id`. With several, a user who can choose the name that the claim carries may choose one that is another consumer\'s; the first that matches decides.' }), ['custom_id']),
  optional: withDefault(Type.Boolean({ description: 'Whoever is no consumer passes without one.' }), false),
  anonymous: name('Id or username of the consumer that users are who are no other consumer; they stay who they are beside it. It goes before `optional`. Where `unauth_action` is `pass`, requests without credentials are that consumer too; a credential that does not hold never is.'),
  credential_claim: withDefault(claimPath('Claim that names somebody in `request.oidc.credential`, whether or not they are a consumer, for rate limits and the like.'), 'sub'),
  list: Type.Optional(Type.Array(consumerSchema, { description: 'The consumers.' })),
  file: Type.Optional(Type.String({ minLength: 1, description: 'File with the consumers, YAML or JSON: a list as under `list`, or an object with the list as `consumers`. It is read again when it changes. In the file of the gateway a relative name starts at the folder of that file.' })),
  redis: Type.Optional(Type.Object({
    prefix: withDefault(Type.String({ minLength: 1, description: 'Beginning of the keys: `<prefix>:custom_id`, `<prefix>:username` and `<prefix>:id` are hashes from that value to the consumer as JSON.' }), 'consumers')
  }, { additionalProperties: false, description: 'Consumers in the Redis of `session.redis`.' })),
  cache_ttl: seconds(60, 'How long a consumer that Redis or the hook `resolveConsumer` answered is kept, in seconds.'),
  negative_cache_ttl: seconds(10, 'How long it is kept that there is none, in seconds.'),
  set_headers: withDefault(Type.Boolean({ description: 'Tell the upstream the consumer, under the names that Kong uses: `X-Consumer-ID`, `X-Consumer-Username`, `X-Consumer-Custom-ID`, `X-Consumer-Groups`, `X-Credential-Identifier`, `X-Authenticated-Groups` (by `groups_claim`) and `X-Anonymous-Consumer: true`.' }), false)
}, { additionalProperties: false, description: 'Which consumer a caller is: a name that the application or the upstream knows them by.' })

export type ConsumerOptions = Resolved<typeof consumerOptionsSchema>

interface Written { readonly consumer?: ConsumerOptions }

const KEYS: readonly ConsumerKey[] = ['id', 'username', 'custom_id']
const PLACES = ['list', 'file', 'redis'] as const

/** What is wrong with one consumer, by itself. */
export function checkConsumerRecord (consumer: ConsumerRecord): OptionProblem[] {
  const { groups = [], tags = [], ...named } = consumer
  const texts: Array<readonly [path: readonly string[], text: string]> = [
    ...Object.entries(named).map(([key, text]) => [[key], text] as const),
    ...Object.entries({ groups, tags }).flatMap(([member, list]) => list.map((text, index) => [[member, String(index)], text] as const))
  ]
  const wrong = texts.filter(([, text]) => !isSpeakable(text)).map(([path]) => ({ path, message: 'must not have control characters in it, or a blank at an end' }))
  return KEYS.some(key => consumer[key] !== undefined) ? wrong : [...wrong, { path: [], message: 'needs id, username or custom_id' }]
}

/** A list that no two consumers can share a name in; by place in it. */
export function checkConsumerList (list: readonly ConsumerRecord[]): OptionProblem[] {
  const owners = new Map<string, number>()
  return list.flatMap((consumer, index): OptionProblem[] => {
    const twice = KEYS.filter(key => consumer[key] !== undefined).flatMap(key => {
      const at = `${key} ${consumer[key] ?? ''}`
      const owner = owners.get(at)
      owners.set(at, owner ?? index)
      return owner === undefined ? [] : [{ path: [key], message: `is that of an earlier consumer: [${owner}]` }]
    })
    return [...checkConsumerRecord(consumer), ...twice].map(({ path, message }) => ({ path: [String(index), ...path], message }))
  })
}

function isNamed (list: readonly ConsumerRecord[], anonymous: string): boolean {
  return list.some(({ id, username }) => id === anonymous || username === anonymous)
}

/** Why `anonymous` leads to nobody; null: it does not. */
export function anonymousProblem (list: readonly ConsumerRecord[], anonymous: string | undefined): string | null {
  return anonymous === undefined || isNamed(list, anonymous) ? null : `names ${JSON.stringify(anonymous)}, which is neither id nor username of a consumer`
}

const at = (member: string, message: string): OptionProblem => ({ path: ['consumer', member], message })

function checkPlaces (options: ConsumerOptions): OptionProblem[] {
  const places = PLACES.filter(place => options[place] !== undefined)
  if (places.length > 1) return [at(places[1] ?? '', `stands beside ${places[0] ?? ''}: consumers can be in one place only`)]
  return options.claims === undefined && places.length > 0 ? [at(places[0] ?? '', 'has no effect without consumer.claims')] : []
}

function checkIdle ({ claims, anonymous, optional }: ConsumerOptions): OptionProblem[] {
  if (claims !== undefined) return []
  return [...anonymous === undefined ? [] : [at('anonymous', 'has no effect without consumer.claims')], ...optional ? [at('optional', 'has no effect without consumer.claims')] : []]
}

/** What the members of `consumer` have to agree on; where consumers come from is known with the hooks. */
export function checkConsumer ({ consumer }: Written): OptionProblem[] {
  if (consumer === undefined) return []
  const { list, by, anonymous } = consumer
  const twice = by.filter((key, index) => by.indexOf(key) !== index)
  const nobody = list === undefined ? null : anonymousProblem(list, anonymous)
  return [
    ...checkPlaces(consumer),
    ...checkIdle(consumer),
    ...twice.length === 0 ? [] : [at('by', `has ${twice.join(', ')} twice`)],
    ...checkConsumerList(list ?? []).map(({ path, message }) => ({ path: ['consumer', 'list', ...path], message })),
    ...nobody === null ? [] : [at('anonymous', nobody)]
  ]
}

/** What is said in code, and not in options. */
export interface CodeOptions {
  /** Is there a hook `resolveConsumer`? */
  readonly resolvesConsumers: boolean
}

/** Consumers must come from somewhere, and from one place. */
export function checkConsumerSource ({ consumer }: Written, { resolvesConsumers: hasHook }: CodeOptions): OptionProblem[] {
  const isMapped = consumer?.claims !== undefined
  const place = PLACES.find(name => consumer?.[name] !== undefined)
  if (hasHook && !isMapped) return [{ path: ['hooks', 'resolveConsumer'], message: 'has no effect without consumer.claims' }]
  if (hasHook && place !== undefined) return [{ path: ['hooks', 'resolveConsumer'], message: `stands beside consumer.${place}: consumers can be in one place only` }]
  return isMapped && !hasHook && place === undefined ? [at('claims', 'leads to nobody: set consumer.list, consumer.file, consumer.redis, or in code hooks.resolveConsumer')] : []
}

/** Names by which a user could be one consumer or another: a sentence for each. */
export function listAmbiguous (list: readonly ConsumerRecord[], by: readonly ConsumerKey[]): string[] {
  return by.flatMap((first, index) => by.slice(index + 1).flatMap(second => list.flatMap(one => {
    const value = one[first]
    const other = value === undefined ? undefined : list.find(candidate => candidate !== one && candidate[second] === value)
    return other === undefined ? [] : [`consumer.by: ${JSON.stringify(value)} is the ${first} of one consumer and the ${second} of another; whoever has it in a claim is the first of them`]
  })))
}
