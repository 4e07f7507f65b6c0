// Reads TypeScript in test processes (.taprc). Node 22.18 and later strips types itself; before, the hooks do, without
// loading the compiler where nothing has changed. tap's own loader stands aside: it loads the compiler twice in each test.
import { register } from 'node:module'

if (!process.features.typescript) register('./hooks.mjs', import.meta.url)
