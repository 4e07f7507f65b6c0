import { findProgram } from '../programs/find.mjs'
import { fireAutocannon } from './autocannon.mjs'
import { createWrk } from './wrk.mjs'

/** `wrk` or `autocannon`; where nothing is asked for, wrk if it is installed. */
export function chooseLoad (wanted, folder) {
  const program = wanted === 'autocannon' ? null : findProgram('wrk')
  if (program !== null) return { name: 'wrk', fire: createWrk(program, folder) }
  if (wanted === 'wrk') throw new Error('--load wrk: there is no wrk on the PATH')
  return { name: 'autocannon', fire: fireAutocannon }
}
