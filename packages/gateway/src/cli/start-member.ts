import { loadConfiguration } from '../configuration/load.ts'
import { openGateway, type OpenGateway } from '../server/gateway.ts'
import { serveAsMember } from '../workers/member.ts'
import type { ConfigurationSource } from './arguments.ts'
import { nameOf, reportFailure, reportProblems } from './report.ts'
import type { Terminal } from './terminal.ts'

/** Answers when the primary has said that it is over, and what was under way is finished. */
async function serve (gateway: OpenGateway): Promise<void> {
  let stop = (): void => {}
  const stopped = new Promise<void>(resolve => { stop = resolve })
  const { announce } = serveAsMember({ stop, metrics: gateway.metrics })
  try {
    announce(await gateway.listen())
    await stopped
  } finally {
    await gateway.close()
  }
}

/** One of several workers; what the primary has said of the file already is not said again. Answers the exit code once it has stopped. */
export async function runMember ({ file, foreign, workers }: ConfigurationSource, terminal: Terminal): Promise<number> {
  try {
    const checked = await loadConfiguration(file, process.env, foreign, workers)
    if (checked.kind === 'invalid') {
      reportProblems(terminal, nameOf(file), checked.problems)
      return 2
    }
    await serve(await openGateway(checked.configuration, { isWorker: true }))
    return 0
  } catch (error) {
    reportFailure(terminal, error)
    return 1
  }
}
