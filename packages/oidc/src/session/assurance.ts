import type { Assurance, Claims, EpochSeconds, Session } from 'fastify-oidc-session-store'
import { findShortage, loginSlack, readProof, type Demand, type Proof } from '../policy/step-up.ts'
import { isLocal } from './local-users.ts'

/** What an ID token says of its login, held against what was asked for; null: it says nothing, and nothing was. */
export function assuranceOf (claims: Claims, demand: Demand | null, now: EpochSeconds, slack: number): Assurance | null {
  const proof = readProof(claims)
  const authTime = typeof proof.authTime === 'number' ? Math.floor(proof.authTime) : null
  if (demand === null && proof.acr === null && authTime === null) return null
  const isUnmet = demand !== null && findShortage(demand, proof, now, loginSlack(slack)) !== null
  return { acr: proof.acr, authTime, unmet: isUnmet ? demand.key : null }
}

/** Of somebody whom the application vouches for itself it is known when the password was given. */
export function proofOf (session: Session): Proof {
  return { acr: session.assurance?.acr ?? null, authTime: isLocal(session) ? session.authenticatedAt : session.assurance?.authTime ?? null }
}
