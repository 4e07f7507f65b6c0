import t from 'tap'
import { BOTH, startNodes } from '../support/nodes/nodes.ts'
import { killHolder } from '../support/nodes/killed-holder.ts'

const TIMEOUT = 2

t.test('a gateway that is killed while it renews sessions', async t => {
  const nodes = await startNodes(t, { accessTokenLife: 2, timeout: TIMEOUT, cores: BOTH })
  const [holder, ...survivors] = nodes.all
  await killHolder(t, nodes, Object.keys(BOTH), { holder, survivors, requests: 10, lease: 3 * TIMEOUT + 2 })
})
