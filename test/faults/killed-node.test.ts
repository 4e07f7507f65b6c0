import t from 'tap'
import { BOTH, startNodes } from '../support/nodes/nodes.ts'
import { killHolder } from '../support/nodes/killed-holder.ts'

const TIMEOUT = 2

t.test('three of four gateways are killed, one after the other, while they renew sessions', async t => {
  const nodes = await startNodes(t, { accessTokenLife: 3, timeout: TIMEOUT, cores: BOTH })
  for (const [index, holder] of nodes.all.slice(0, -1).entries()) {
    const survivors = nodes.all.slice(index + 1)
    await t.test(`${survivors.length} survive`, async t => { await killHolder(t, nodes, Object.keys(BOTH), { holder, survivors, requests: 200, lease: 3 * TIMEOUT + 2 }) })
  }
})
