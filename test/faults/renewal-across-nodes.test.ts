import t from 'tap'
import { BOTH, startNodes } from '../support/nodes/nodes.ts'
import { renewAtExpiry } from '../support/nodes/renewal-at-expiry.ts'

t.test('20 times 200 requests at each of four gateways, at the moment of the token\'s end: 20 refreshes and no logout', async t => {
  const nodes = await startNodes(t, { accessTokenLife: 4, timeout: 5, cores: BOTH })
  for (const core of Object.keys(BOTH)) await t.test(`sessions: ${core}`, async t => { await renewAtExpiry(t, nodes, core, { rounds: 20, requests: 200 }) })
})
