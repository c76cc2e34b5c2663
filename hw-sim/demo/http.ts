// JSON over HTTP to the processes that the demo started. Loopback only.

/** The answer was not 2xx, or there was none. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
}

const TIMEOUT_MS = 5_000

/** Calls one route; the caller names the shape that the route promises. */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  }).catch((error: unknown) => {
    throw new HttpError(`${method} ${url}: ${error instanceof Error ? error.message : String(error)}`)
  })
  const text = await response.text()
  if (!response.ok) throw new HttpError(`${method} ${url}: ${response.status} ${text.slice(0, 400)}`)
  // The routes' own schemas are tested where they are made; here the answer is taken at its word.
  return (text === '' ? null : JSON.parse(text)) as T
}

/** A port that nobody listens on: the wanted one, or a free one instead. */
export async function freePort(wanted: number): Promise<number> {
  const { createServer } = await import('node:net')
  const tryPort = (port: number) =>
    new Promise<number | null>((resolve, reject) => {
      const server = createServer()
      server.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null)
        else reject(error)
      })
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
      })
    })
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted
}
