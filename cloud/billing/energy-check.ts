// Where did all the energy of a meter's register go? Billed, running, not billed with a reason, or unattributed: what
// flowed between transactions, which is shown and never billed. The check is a check because its parts come from
// different records: the readings, the transactions' registers and the bill lines.
import { type EpochMs, type WattHours, wattHours } from '../../shared/units.ts'

/** One transaction on the meter, by its registers and its bill. */
export interface AccountedTransaction {
  readonly startedAt: EpochMs
  readonly firstRegisterWh: WattHours
  readonly lastRegisterWh: WattHours
  /** `billedWh`: the sum of its bill lines. */
  readonly account:
    | { readonly kind: 'billed'; readonly billedWh: WattHours }
    | { readonly kind: 'running' }
    | { readonly kind: 'notBilled' }
}

export interface MeterAccount {
  readonly registerDifferenceWh: WattHours
  readonly billedWh: WattHours
  readonly runningWh: WattHours
  readonly notBilledWh: WattHours
  readonly unattributedWh: WattHours
  /** billed + running + not billed + unattributed − register difference; anything but 0 is a mistake to be found. */
  readonly differenceWh: WattHours
}

/** One meter from its first known register to its last. Transactions in any order. */
export function meterAccount(
  register: { readonly firstWh: WattHours; readonly lastWh: WattHours },
  transactions: readonly AccountedTransaction[],
): MeterAccount {
  const chain = [...transactions].sort(
    (a, b) => a.firstRegisterWh - b.firstRegisterWh || a.startedAt - b.startedAt,
  )
  let position: number = register.firstWh
  let isRunning = false
  const sums = { billed: 0, running: 0, notBilled: 0, unattributed: 0 }
  for (const { firstRegisterWh, lastRegisterWh, account } of chain) {
    // Only energy that nobody has: an overlap of two transactions stays visible as a difference.
    sums.unattributed += Math.max(0, firstRegisterWh - position)
    if (lastRegisterWh >= position) isRunning = account.kind === 'running'
    position = Math.max(position, lastRegisterWh)
    sums[account.kind] += account.kind === 'billed' ? account.billedWh : lastRegisterWh - firstRegisterWh
  }
  // Behind a transaction that has not ended the register's rise is its own, until its end says otherwise.
  sums[isRunning ? 'running' : 'unattributed'] += Math.max(0, register.lastWh - position)
  const registerDifferenceWh = register.lastWh - register.firstWh
  const accounted = sums.billed + sums.running + sums.notBilled + sums.unattributed
  return {
    registerDifferenceWh: wattHours(registerDifferenceWh),
    billedWh: wattHours(sums.billed),
    runningWh: wattHours(sums.running),
    notBilledWh: wattHours(sums.notBilled),
    unattributedWh: wattHours(sums.unattributed),
    differenceWh: wattHours(accounted - registerDifferenceWh),
  }
}
