// The energy account of a meter. What must hold after every call, to the watt-hour:
// closed sessions + the open session + unattributed = last register - register at the epoch's start.
// Registers are only ever taken over from the meter; no difference is rounded, and none is computed twice.
import { invariant } from '../../../shared/invariant.ts'
import { type WattHours, wattHours } from '../../../shared/units.ts'
import type { MeterReading } from '../../control-link/messages.ts'
import type { Account, Session, Stamp } from '../memory.ts'

/** A meter's restart may cost the newest step of its register (SDM630: 1 to 8 Wh): the maximum holds. */
const HELD_BACK_MAX_WH = 10

/** Read before the account's last register was. */
export const isEarlier = ({ last }: Account, readAt: Stamp) =>
  readAt.bootId === last.bootId && readAt.atMonotonicMs < last.atMonotonicMs

/** The register is lower than one that was read before it: what it counts from here on is of another epoch. */
export const wentBack = (account: Account, registerWh: WattHours, readAt: Stamp): boolean =>
  registerWh < account.lastRegisterWh - HELD_BACK_MAX_WH && !isEarlier(account, readAt)

/** No box of ours passes more: 3 phases of 80 A at 276 V. */
const POWER_HIGHEST_WATTS = 66_240
/** Control tells its reading once a second. */
const JUMP_SPARE_MS = 2000
/** A smaller jump is control's to judge, which sees every reading. */
const JUMP_SPARE_WH = 1000

/**
 * Far more than any box can have delivered since the last reading: such a jump is nobody's charge. Control does not pass
 * it on either, unless it has lost what it read before, its mirror with it.
 * @param darkMs how long ago the last reading was where it is of another boot; null where nobody knows: then no rise is
 *   too high
 */
export function jumped(
  account: Account,
  registerWh: WattHours,
  readAt: Stamp,
  darkMs: number | null = null,
): boolean {
  const { last, lastRegisterWh } = account
  const passedMs = readAt.bootId === last.bootId ? readAt.atMonotonicMs - last.atMonotonicMs : darkMs
  if (passedMs === null) return false
  const longestMs = Math.max(0, passedMs) + JUMP_SPARE_MS
  return registerWh - lastRegisterWh > (POWER_HIGHEST_WATTS * longestMs) / 3_600_000 + JUMP_SPARE_WH
}

/** The account after a reading of its own meter. Energy that flows outside any session is unattributed. */
export function accountAfter(
  account: Account,
  registerWh: WattHours,
  readAt: Stamp,
  isInSession: boolean,
): Account {
  // What was read before the account's last register is in it already, or is of the epoch before.
  if (isEarlier(account, readAt)) return account
  const last = readAt
  if (registerWh <= account.lastRegisterWh) return { ...account, last }
  const flowed = registerWh - account.lastRegisterWh
  return {
    ...account,
    lastRegisterWh: registerWh,
    last,
    unattributedWh: isInSession ? account.unattributedWh : wattHours(account.unattributedWh + flowed),
  }
}

/** The account of a meter that is seen for the first time, again after another one, or at a lower register. */
export const beginAccount = (reading: Pick<MeterReading, 'serial' | 'registerWh'>, last: Stamp): Account => ({
  meterSerial: reading.serial,
  startRegisterWh: reading.registerWh,
  lastRegisterWh: reading.registerWh,
  last,
  closedSessionsWh: wattHours(0),
  unattributedWh: wattHours(0),
})

/** Energy of the open session so far. */
export const openEnergyWh = (account: Account | null, session: Session | null): WattHours =>
  account && session && account.meterSerial === session.meterSerial
    ? wattHours(account.lastRegisterWh - session.startRegisterWh)
    : wattHours(0)

/**
 * Closes the open session at a register between its start and the last reading; what came after is unattributed.
 * Returns the register that it was closed at.
 */
export function closeSession(
  account: Account,
  session: Session,
  registerWh: WattHours,
): { readonly account: Account; readonly endRegisterWh: WattHours } {
  const end = wattHours(
    Math.min(
      Math.max(registerWh, session.startRegisterWh),
      Math.max(account.lastRegisterWh, session.startRegisterWh),
    ),
  )
  return {
    endRegisterWh: end,
    account: {
      ...account,
      closedSessionsWh: wattHours(account.closedSessionsWh + end - session.startRegisterWh),
      unattributedWh: wattHours(account.unattributedWh + account.lastRegisterWh - end),
    },
  }
}

/** What the sum is off by; 0 unless something is broken. */
export const accountErrorWh = (account: Account, session: Session | null): number =>
  account.closedSessionsWh +
  openEnergyWh(account, session) +
  account.unattributedWh -
  (account.lastRegisterWh - account.startRegisterWh)

export function checkAccount(account: Account | null, session: Session | null): void {
  if (account)
    invariant(
      accountErrorWh(account, session) === 0,
      `the energy account does not add up: ${JSON.stringify(account)}`,
    )
}
