import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, type BrotliOptions, type ZlibOptions } from 'node:zlib'

/** What a provider may send at the most: more is not metadata, keys or tokens. */
const MAX_BODY_BYTES = 1024 * 1024

type Decode = (bytes: Buffer, bounds: ZlibOptions & BrotliOptions) => Promise<Buffer>

/** Nobody asks for them (RFC 9110, section 8.4.1), and some answer so all the same. */
const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)]
])

function tooLarge (): Error {
  return new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`)
}

async function readBounded (body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks)
}

async function decode (bytes: Buffer, encoding: string): Promise<Buffer> {
  const by = DECODERS.get(encoding)
  if (by === undefined) throw new Error('the answer is in an encoding that nobody asked for')
  return await by(bytes, { maxOutputLength: MAX_BODY_BYTES }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : new Error('the answer is not in the encoding that it names', { cause: error })
  })
}

/**
 * The bytes of an answer, decoded.
 * @throws where they are too many, or in an encoding that is unknown or not what it says
 */
export async function readAnswerBody (body: AsyncIterable<Buffer>, encodings: string | string[] | undefined): Promise<Buffer<ArrayBuffer>> {
  const bytes = await readBounded(body)
  const coded = [encodings ?? []].flat().join(',').toLowerCase().split(',').map(each => each.trim()).filter(each => each !== '' && each !== 'identity')
  if (coded.length > 1) throw new Error('the answer is in several encodings, one in another')
  return (coded[0] === undefined || bytes.length === 0 ? bytes : await decode(bytes, coded[0])) as Buffer<ArrayBuffer>
}
