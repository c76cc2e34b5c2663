// Deep links by hash: `#/` is the list, `#/stations/ID` a station, `#/stations/ID/transactions/UUID` one of its bills.

export type Route =
  | { readonly kind: 'list' }
  | { readonly kind: 'station'; readonly stationId: string; readonly transactionId: string | null }

/** The route of `location.hash`; anything unknown is the list. */
export function parseHash(hash: string): Route {
  const match = /^#\/stations\/([^/]+)(?:\/transactions\/([^/]+))?$/.exec(hash)
  const stationId = decoded(match?.[1])
  if (!stationId) return { kind: 'list' }
  return { kind: 'station', stationId, transactionId: decoded(match?.[2]) }
}

export function hashOf(route: Route): string {
  if (route.kind === 'list') return '#/'
  const station = `#/stations/${encodeURIComponent(route.stationId)}`
  return route.transactionId === null
    ? station
    : `${station}/transactions/${encodeURIComponent(route.transactionId)}`
}

function decoded(part: string | undefined): string | null {
  if (part === undefined) return null
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}
