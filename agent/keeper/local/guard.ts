// Who may ask what of the page's server. A foreign web page in the browser of somebody at home must not reach the box:
// names that a stranger's DNS could point at us are refused (rebinding), and orders come from our own page or from no
// page at all. Where there is a PIN, orders need it; a public box takes none
// without, and no box is commissioned without one from the network.
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { Clock } from '../../../shared/time/clock.ts'
import type { KeeperConfig } from '../config.ts'
import { pinCheck } from '../pin.ts'
import { type Answer, failure } from './answer.ts'

/** null where the request is for us by a name that only this network can give. */
export function wrongHost(host: string | undefined, ownName: string): Answer | null {
  const name = hostName(host)
  if (name !== null && isOurs(name, ownName.toLowerCase())) return null
  return failure(421, {
    code: 'WRONG_HOST',
    message: 'The request names another host.',
    expected: `an IP address, localhost, ${ownName} or a name that ends in .local`,
    got: host ?? 'no Host header',
    do: 'Open the page by the IP address of the box.',
  })
}

/** The name without its port, in small letters; null where there is none. */
function hostName(host: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
}

const isOurs = (name: string, ownName: string): boolean =>
  isIP(name) !== 0 || name === 'localhost' || name === ownName || /^[a-z0-9-]+\.local$/.test(name)

/** null where an order comes from our own page, or from a program that is no browser. */
export function foreignOrder(headers: IncomingHttpHeaders): Answer | null {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  const isOwnOrigin = origin === undefined || origin === `http://${host}` || origin === `https://${host}`
  const isOwnSite = site === undefined || site === 'same-origin' || site === 'none'
  if (!isOwnOrigin || !isOwnSite) {
    return failure(403, {
      code: 'FOREIGN_ORIGIN',
      message: 'The order comes from another web page.',
      expected: `http://${host}`,
      got: origin ?? `Sec-Fetch-Site: ${site}`,
      do: 'Use the page of the box itself.',
    })
  }
  const type = headers['content-type']
  if (type === undefined || /^application\/json\s*(;|$)/i.test(type)) return null
  return failure(415, {
    code: 'NOT_JSON',
    message: 'The body is not JSON.',
    expected: 'Content-Type: application/json',
    got: type,
    do: 'Send the order as JSON.',
  })
}

/** Orders of an installer or technician: from the network they need a PIN on every box. */
const INSTALLERS = ['POST /api/commission', 'POST /api/schedule', 'POST /api/clear-fault']

/** Checks the PIN of orders, in the header `X-Pin`. */
export function pinGuard(config: Pick<KeeperConfig, 'access' | 'local'>, clock: Clock) {
  const check = pinCheck(config.local, clock)
  const isOnNetwork = !isLoopback(config.local.host)

  return async (
    order: string,
    from: string,
    shown: string | string[] | undefined,
  ): Promise<Answer | null> => {
    const verdict = await check(from, Array.isArray(shown) ? shown.join(',') : shown)
    switch (verdict.kind) {
      case 'right':
        return null
      case 'notSet':
        if (config.access === 'public') return NO_PIN
        return isOnNetwork && INSTALLERS.includes(order) ? NO_PIN_FOR_INSTALLERS : null
      case 'resting':
        return resting(verdict.leftMs)
      case 'missing':
      case 'wrong':
        return failure(401, {
          code: 'PIN_NEEDED',
          message: 'This box takes orders with its PIN only.',
          expected: 'the PIN in the header X-Pin',
          got: verdict.kind === 'missing' ? 'no PIN' : 'another PIN',
          do: 'Enter the PIN of the box.',
        })
    }
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const NO_PIN = failure(403, {
  code: 'NO_PIN_SET',
  message: 'A public box takes orders with a PIN only, and this one has none.',
  expected: 'local.pin in the configuration of the box',
  got: 'none',
  do: 'Let the integrator set a PIN.',
})

const NO_PIN_FOR_INSTALLERS = failure(403, {
  code: 'NO_PIN_SET',
  message:
    'Commissioning, schedule and clearing of faults are taken with a PIN only while the page is on the network.',
  expected: 'local.pin in the configuration of the box, or local.host 127.0.0.1',
  got: 'no PIN',
  do: 'Set local.pin in agent.yaml and start the box anew; then send the order with it.',
})

function resting(leftMs: number): Answer {
  const seconds = Math.ceil(leftMs / 1000)
  const error = {
    code: 'TOO_MANY_PINS',
    message: 'Too many wrong PINs came.',
    expected: 'an order after the rest',
    got: `an order ${seconds} s before its end`,
    do: `Wait ${seconds} s.`,
  }
  return failure(429, error, { 'retry-after': String(seconds) })
}
