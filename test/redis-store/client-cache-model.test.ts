import fc from 'fast-check'
import t from 'tap'
import { CacheWorld } from './support/cache-world.ts'

type Run = (world: CacheWorld) => void | Promise<void>

class Step implements fc.AsyncCommand<object, CacheWorld> {
  readonly #text: string
  readonly #run: Run

  constructor (text: string, run: Run) {
    this.#text = text
    this.#run = run
  }

  check (): boolean { return true }
  async run (_model: object, world: CacheWorld): Promise<void> { await this.#run(world) }
  toString (): string { return this.#text }
}

const session = fc.integer({ min: 0, max: 2 })
const few = fc.integer({ min: 0, max: 60 })
const some = fc.integer({ min: 1, max: 700 })
const many = fc.integer({ min: 500, max: 4000 })
const step = <Args extends unknown[]>(name: string, args: { [K in keyof Args]: fc.Arbitrary<Args[K]> }, run: (world: CacheWorld, ...args: Args) => void | Promise<void>): fc.Arbitrary<Step> =>
  fc.tuple<Args>(...args).map(values => new Step(`${name}(${values.join(', ')})`, world => run(world, ...values)))

const steps = [
  step('ask', [session], (world, place: number) => world.ask(place)),
  step('ask and wait', [session, few], async (world, place: number, ms: number) => { world.ask(place); await world.time.pass(ms) }),
  step('busy', [session, some], async (world, place: number, ms: number) => {
    for (let passed = 0; passed < ms; passed += 40) {
      world.ask(place)
      await world.time.pass(40)
    }
  }),
  step('log in', [session], (world, place: number) => world.login(place)),
  step('write', [session, few], (world, place: number, ms: number) => world.write(place, ms, 'next')),
  step('revoke', [session, few], (world, place: number, ms: number) => world.write(place, ms, 'over')),
  step('write here', [session], (world, place: number) => world.writeHere(place, 'next')),
  step('revoke here', [session], (world, place: number) => world.writeHere(place, 'over')),
  ...(['next', 'over'] as const).map(revision => step(`write here and ask, ${revision}`, [session, few], async (world, place: number, ms: number) => {
    world.ask(place)
    await world.time.pass(ms)
    world.writeHere(place, revision)
    await world.time.pass(ms)
    world.ask(place)
  })),
  step('flush', [], world => world.flush()),
  step('pass', [some], (world, ms: number) => world.time.pass(ms)),
  step('pass long', [many], (world, ms: number) => world.time.pass(ms)),
  step('freeze', [many], (world, ms: number) => world.freeze(ms)),
  step('tell late', [some], (world, ms: number) => world.delayTelling(ms)),
  step('tell soon', [few], (world, ms: number) => world.delayTelling(ms)),
  step('stall telling', [], world => world.stallTelling()),
  step('break telling', [], world => world.breakTelling()),
  step('slow commands', [fc.integer({ min: 1, max: 300 })], (world, ms: number) => world.delayCommands(ms)),
  step('break commands', [], world => world.breakCommands()),
  step('connect commands', [], world => world.connectCommands()),
  step('fail over', [fc.constantFrom('takes connections' as const, 'is gone' as const)], (world, former: 'takes connections' | 'is gone') => world.failOver(former)),
  step('former master is gone', [], world => world.settleFailover())
]

let [answered, fromMemory] = [0, 0]

/** Sessions that are asked for while everything goes wrong, and again when nothing does. */
async function play (commands: Iterable<fc.AsyncCommand<object, CacheWorld>>, maxOpened: number): Promise<void> {
  const world = new CacheWorld(maxOpened)
  for (const place of [0, 1, 2]) world.login(place)
  for (let turn = 0; turn < 10; turn++) {
    for (const place of [0, 1, 2]) world.ask(place)
    await world.time.pass(30)
  }
  await fc.asyncModelRun(() => ({ model: {}, real: world }), commands)
  for (let turn = 0; turn < 30; turn++) {
    for (const place of [0, 1, 2]) world.ask(place)
    await world.time.pass(50)
  }
  world.close()
  answered += world.answered
  fromMemory += world.fromMemory
  if (world.faults.length > 0) throw new Error(world.faults[0])
}

const RUNS = Number(process.env.CACHE_MODEL_RUNS ?? 60)

t.test(`whatever happens in whatever order, nothing is served that was over for a second, and no live session is lost (${RUNS} runs)`, async t => {
  t.setTimeout(RUNS * 1000)
  await t.resolves(fc.assert(fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max' }), fc.constantFrom(1, 2, 10), play), { numRuns: RUNS, endOnFailure: false }))
  t.comment(`${answered} answers, ${fromMemory} from memory`)
  t.ok(fromMemory > answered / 10, `${fromMemory} of ${answered} answers came from memory`)
})
