import { formatPath } from 'fastify-oidc-session-store'
import { parse } from 'yaml'
import { ConsumerFileInvalidError } from '../errors.ts'
import { anonymousProblem, checkConsumerList, type ConsumerOptions, type ConsumerRecord } from '../options/consumer-options.ts'
import { keepFile } from '../options/kept-file.ts'
import { indexConsumers, type ConsumerIndex } from './consumer-list.ts'
import { readConsumer, type ConsumerSource } from './consumer-source.ts'

export interface ConsumerFileRoom {
  readonly path: string
  readonly anonymous: ConsumerOptions['anonymous']
  /** At the boot, and whenever it changed. */
  onRead (list: readonly ConsumerRecord[]): void
  onBroken (error: Error): void
}

function listIn (document: unknown): readonly unknown[] {
  const list = document !== null && typeof document === 'object' && !Array.isArray(document) && Object.keys(document).every(name => name === 'consumers') ? (document as { consumers?: unknown }).consumers : document
  if (!Array.isArray(list)) throw new Error('must be a list of consumers, or an object with the list as consumers and nothing else')
  return list
}

function parseDocument (text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    // The message would quote lines of the file.
    throw new Error(`is neither YAML nor JSON: ${(error as { code?: string }).code ?? 'it cannot be parsed'}`)
  }
}

/** Consumers of a file's text. Throws where it does not hold; what is thrown quotes nothing of the text but `anonymous`. */
function parseConsumers (text: string, anonymous: string | undefined): readonly ConsumerRecord[] {
  const list = listIn(parseDocument(text)).map((entry, index) => {
    try {
      return readConsumer(entry)
    } catch (error) {
      throw new Error(`[${index}] is ${(error as Error).message}`)
    }
  })
  const [first] = checkConsumerList(list)
  if (first !== undefined) throw new Error(`${formatPath(first.path)} ${first.message}`)
  const nobody = anonymousProblem(list, anonymous)
  if (nobody !== null) throw new Error(`consumer.anonymous ${nobody}`)
  return list
}

interface Version { readonly list: readonly ConsumerRecord[], readonly index: ConsumerIndex }

/**
 * Consumers of a file that is read again when it changes; a version that does not hold changes nothing.
 * @rejects FST_OIDC_CONSUMER_FILE_INVALID
 */
export async function openConsumerFile ({ path, anonymous, onRead, onBroken }: ConsumerFileRoom): Promise<ConsumerSource> {
  let generation = 0
  const parseVersion = (text: string): Version => {
    const list = parseConsumers(text, anonymous)
    return { list, index: indexConsumers(list) }
  }
  try {
    const kept = await keepFile({
      path,
      parse: parseVersion,
      onRead ({ list }) {
        generation++
        onRead(list)
      },
      onBroken
    })
    onRead(kept.current.list)
    return { isLocal: true, get generation () { return generation }, find: (by, value) => kept.current.index.find(by, value), ready () {}, close () { kept.close() } }
  } catch (error) {
    throw Object.assign(new ConsumerFileInvalidError(path, (error as Error).message), { cause: error })
  }
}
