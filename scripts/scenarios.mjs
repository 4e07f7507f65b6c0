// Prints which numbered behaviours of the APISIX plugin have a test, which a line in docs/apisix.md, and which neither.
import { fileURLToPath } from 'node:url'
import { readScenarios, writeNumbers } from './docs/scenarios.mjs'

const { tested, explained, missing } = readScenarios(fileURLToPath(new URL('..', import.meta.url)))
console.log(`${tested.length} in tests, ${explained.length} in docs/apisix.md, ${missing.length} in neither`)
if (missing.length > 0) console.log(writeNumbers(missing))
