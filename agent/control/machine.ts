// What control asks of the kernel: the identity of its boot, and whether the box was suspended.
import { readFileSync } from 'node:fs'
import type { Clock } from '../../shared/time/clock.ts'

/** Throws where the kernel tells none: without it nothing that was kept can be believed. */
export const kernelBootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** /proc/uptime counts suspends, CLOCK_MONOTONIC does not: a jump of the difference is a suspend. */
export function suspendedMs(clock: Clock): number | null {
  try {
    const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
    return Number.isFinite(seconds) ? Math.round(seconds * 1000) - clock.monotonic() : null
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return null
  }
}
