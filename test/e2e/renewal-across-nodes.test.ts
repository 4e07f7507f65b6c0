import t from 'tap'
import { BOTH, startNodes } from '../support/nodes/nodes.ts'
import { renewAtExpiry } from '../support/nodes/renewal-at-expiry.ts'

t.test('many requests at four gateways renew a session once, at the moment of its token\'s end', async t => {
  t.jobs = 2
  const nodes = await startNodes(t, { accessTokenLife: 2, timeout: 5, cores: BOTH })
  await Promise.all(Object.keys(BOTH).map(core => t.test(`sessions: ${core}`, async t => { await renewAtExpiry(t, nodes, core, { rounds: 2, requests: 20 }) })))
})
