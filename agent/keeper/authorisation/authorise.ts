// Whose token a plug-in charges under: the one that a server's remote start named, else the one that was shown at the box,
// else, where anyone may charge, the fixed token of the configuration.
import type { KeeperConfig } from '../config.ts'

/** A remote start that waits for its car. */
export interface RemoteOrder {
  readonly idToken: string
  readonly remoteStartId: number
}

export interface Authorised {
  readonly idToken: string
  readonly remoteStartId: number | null
  readonly trigger: 'CablePluggedIn' | 'RemoteStart' | 'Authorized'
}

/**
 * The token for a plug-in now, or null when it may not charge by itself: a session that somebody stopped is begun
 * again only by a remote start, a token, or by plugging anew.
 */
export function authorise(
  freeVend: KeeperConfig['freeVend'],
  plugIn: { readonly done: boolean },
  order: RemoteOrder | null,
  shown: { readonly idToken: string } | null,
): Authorised | null {
  if (order) return { ...order, trigger: 'RemoteStart' }
  if (shown) return { idToken: shown.idToken, remoteStartId: null, trigger: 'Authorized' }
  return plugIn.done || freeVend === null
    ? null
    : { idToken: freeVend.idToken, remoteStartId: null, trigger: 'CablePluggedIn' }
}
