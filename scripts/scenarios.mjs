// Prints which numbered behaviours of APISIX and of OAuth2 Proxy have a test, which a line in the documentation, and which neither;
// and how many advisories and requirements have a test.
import { fileURLToPath } from 'node:url'
import { readAdvisories, readProxyScenarios, readScenarios, writeNumbers } from './docs/scenarios.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
for (const [product, page, letter, { tested, explained, missing }] of [['APISIX', 'docs/apisix.md', 'S', readScenarios(root)], ['OAuth2 Proxy', 'docs/oauth2-proxy.md', 'O', readProxyScenarios(root)]]) {
  console.log(`${product}: ${tested.length} in tests, ${explained.length} in ${page}, ${missing.length} in neither`)
  if (missing.length > 0) console.log(writeNumbers(missing, letter))
}
for (const [what, { tested, missing }] of Object.entries(readAdvisories(root))) {
  console.log(`${what}: ${tested} in tests, ${missing.length} in none`)
  if (missing.length > 0) console.log(missing.join('\n'))
}
