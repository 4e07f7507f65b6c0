import t from 'tap'
import { measureRefusals } from '../support/nodes/backchannel.ts'
import { BOTH, startNodes } from '../support/nodes/nodes.ts'

t.test('from the logout token at one of four gateways to the refusal at the others, worst of 100', async t => {
  const nodes = await startNodes(t, { accessTokenLife: 300, timeout: 10, cores: BOTH })
  await t.test('sessions in Redis: each request after the answer to the token', async t => { await measureRefusals(t, nodes, 'redis', { count: 100, graceMs: 0 }) })
  await t.test('sessions in cookies: each request a second after it', async t => { await measureRefusals(t, nodes, 'cookie', { count: 100, graceMs: 1000 }) })
})
