import t from 'tap'
import { endMarkLife, isEndedBy } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'

const session = sampleSession({ id: 'id', issuer: 'iss', subject: 'sub', providerSessionId: 'sid', issuedAt: 1000 })

t.test('a logout in the second of the login wins, a later login lives', async t => {
  for (const target of [{ issuer: 'iss', subject: 'sub' }, { issuer: 'iss', providerSessionId: 'sid' }]) {
    t.equal(isEndedBy(target, 999, session), false)
    t.equal(isEndedBy(target, 1000, session), true)
    t.equal(isEndedBy(target, 1001, session), true)
  }
})

t.test('an id ends its session whenever it was issued', async t => {
  t.equal(isEndedBy({ id: 'id' }, 0, session), true)
  t.equal(isEndedBy({ id: 'other' }, 2000, session), false)
})

t.test('a target names one issuer\'s', async t => {
  t.equal(isEndedBy({ issuer: 'other', subject: 'sub' }, 2000, session), false)
  t.equal(isEndedBy({ issuer: 'other', providerSessionId: 'sid' }, 2000, session), false)
  t.equal(isEndedBy({ issuer: 'iss', subject: 'sid' }, 2000, session), false)
  t.equal(isEndedBy({ issuer: 'iss', providerSessionId: 'sub' }, 2000, session), false)
  t.equal(isEndedBy({ issuer: 'iss', providerSessionId: 'sid' }, 2000, { ...session, providerSessionId: null }), false)
})

t.test('an end is remembered for as long as a session can live', async t => {
  t.equal(endMarkLife(86400), 86400)
  t.equal(endMarkLife(0), 400 * 86400)
})
