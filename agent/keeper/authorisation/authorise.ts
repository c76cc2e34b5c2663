// Whose token a plug-in charges under. In this version anyone may charge: a session carries the fixed token of the
// configuration, unless a server's remote start named one for it.
import type { KeeperConfig } from '../config.ts'

/** A remote start that waits for its car. */
export interface RemoteOrder {
  readonly idToken: string
  readonly remoteStartId: number
}

export interface Authorised {
  readonly idToken: string
  readonly remoteStartId: number | null
  readonly trigger: 'CablePluggedIn' | 'RemoteStart'
}

/**
 * The token for a plug-in now, or null when it may not charge by itself: a session that somebody stopped is begun
 * again only by a remote start or by plugging anew.
 */
export function authorise(
  freeVend: KeeperConfig['freeVend'],
  plugIn: { readonly done: boolean },
  order: RemoteOrder | null,
): Authorised | null {
  if (order) return { ...order, trigger: 'RemoteStart' }
  return plugIn.done ? null : { idToken: freeVend.idToken, remoteStartId: null, trigger: 'CablePluggedIn' }
}
