// The box's conversation with its server, OCPP 2.0.1. It holds no memory: what must be told waits in the outbox, what is
// so now is read from the box.
import { ocppClient } from '../../../shared/io/ocpp-link.ts'
import type { ActionName, CallFailure, Handler, LinkLog } from '../../../shared/io/ocpp-link-types.ts'
import type { BootReasonEnumType } from '../../../shared/ocpp/generated/actions-201.ts'
import type { Prng } from '../../../shared/prng.ts'
import type { Clock } from '../../../shared/time/clock.ts'
import type { KeeperConfig } from '../config.ts'
import type { Box, BoxSnapshot, Outbox, OutboxFact } from '../ports.ts'
import { outboxDelivery } from './delivery.ts'
import { liveReports } from './live.ts'
import { registration } from './registration.ts'
import type { Ports, Triggerable } from './v201/action.ts'
import { bootNotification } from './v201/builders/boot-notification.ts'
import { liveMeterValues } from './v201/builders/meter-values.ts'
import { faultEvent, limitEvent } from './v201/builders/notify-event.ts'
import { notifyReports } from './v201/builders/notify-report.ts'
import { statusNotification } from './v201/builders/status-notification.ts'
import { transactionEvent } from './v201/builders/transaction-event.ts'
import { ROUTES, SENT } from './v201/routes.ts'
import { type CommSettings, variableTable } from './v201/variable-table.ts'
import { variableStore } from './v201/variables.ts'

export interface OcppOptions {
  readonly config: KeeperConfig
  readonly box: Box
  readonly outbox: Outbox
  readonly clock: Clock
  readonly random: Prng
  readonly log: LinkLog
  /** Why keeper was started. Default PowerUp. */
  readonly bootReason?: BootReasonEnumType
  /** Ends the agent for its supervisor to start it again; without it Reset is refused. */
  readonly restart?: () => void
  readonly tuning?: Partial<OcppTuning>
}

/** Times of the link; tests shorten them. */
export interface OcppTuning {
  readonly callTimeoutMs: number
  readonly pingIntervalMs: number
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
}

const TUNING: OcppTuning = {
  callTimeoutMs: 30_000,
  pingIntervalMs: 25_000,
  backoff: { firstMs: 1000, maxMs: 5000 },
}
/** CALLERRORs of one fact before it is parked (OCPP 2.0.1 MessageAttempts). */
const ATTEMPTS = 5
/** Wait after the first of them (OCPP 2.0.1 MessageAttemptInterval). */
const ATTEMPT_INTERVAL_S = 2
const HEARTBEAT_S = 300

export interface OcppHandle {
  stop(): Promise<void>
}

/** Starts the conversation, and keeps it up until it is stopped. Without a server in the configuration there is none. */
export function startOcpp(options: OcppOptions): OcppHandle {
  const { config, box, outbox, clock, random, log } = options
  if (!config.csms) {
    box.csmsState('none')
    return { stop: async () => {} }
  }
  const tuning = { ...TUNING, ...options.tuning }
  const settings: CommSettings = {
    heartbeatIntervalS: HEARTBEAT_S,
    transactionAttempts: ATTEMPTS,
    transactionIntervalS: ATTEMPT_INTERVAL_S,
  }
  const link = ocppClient({
    url: config.csms.url,
    stationId: config.station.id,
    password: config.csms.password,
    clock,
    random,
    log,
    callTimeoutMs: tuning.callTimeoutMs,
    pingIntervalMs: tuning.pingIntervalMs,
    backoff: tuning.backoff,
    actions: [...new Set([...SENT, ...ROUTES.map((route) => route.name)])],
  })
  const ready = () => link.state() === 'open' && registered.accepted()

  let bootReason = options.bootReason ?? 'PowerUp'
  const registered = registration({
    box,
    clock,
    random,
    log,
    isOpen: () => link.state() === 'open',
    boot: () => link.call('BootNotification', bootNotification(config.station, bootReason)),
    heartbeat: () => link.call('Heartbeat', {}),
    heartbeatIntervalS: () => settings.heartbeatIntervalS,
    setHeartbeatIntervalS: (seconds) => {
      settings.heartbeatIntervalS = seconds
    },
    onReady: () => {
      live.look()
      delivery.restart()
    },
  })

  // One event number a second at most is used, so a restart never uses one again; faults count from 1 in the store.
  let lastEventId = 0
  const nextEventId = () => {
    lastEventId = Math.max(lastEventId + 1, Math.floor(clock.wall() / 1000) % 2 ** 31)
    return lastEventId
  }
  const live = liveReports({
    box,
    clock,
    log,
    ready,
    sendStatus: (status, { at }) => link.call('StatusNotification', statusNotification(status, at)),
    sendLimit: ({ limit, at }: BoxSnapshot) =>
      link.call('NotifyEvent', limitEvent({ limit, at, eventId: nextEventId() })),
    sendFlow: (flow) =>
      link.call('MeterValues', liveMeterValues({ ...flow, phasesWired: config.phasesWired })),
  })

  // The socket on which the server last asked for a boot; asked twice on one socket it is a refusal like any other.
  let bootAskedOn = -1
  let socket = 0
  const delivery = outboxDelivery({
    outbox,
    clock,
    random,
    log,
    tuning: () => ({
      attemptsMax: settings.transactionAttempts,
      intervalMs: settings.transactionIntervalS * 1000,
    }),
    ready,
    build: (fact) => built(fact, config),
    send: (action, payload) => link.callFrozen(action, payload),
    mustBoot: (failure: CallFailure) => {
      if (failure.kind !== 'callError' || failure.code !== 'SecurityError' || bootAskedOn === socket)
        return false
      bootAskedOn = socket
      bootReason = 'Unknown'
      registered.bootAgain()
      return true
    },
  })
  const endOfWork = outbox.onWork(() => delivery.wake())

  const afterAnswer = (name: string, job: () => void) => clock.after(name, 0, job)
  const pendingReset = resetWhenIdle(box, options.restart, afterAnswer)
  const ports: Ports = {
    box,
    variables: variableStore(
      variableTable({
        config,
        box,
        settings,
        onSettings: () => registered.intervalChanged(),
        link: {
          messageTimeoutS: Math.round(tuning.callTimeoutMs / 1000),
          pingIntervalS: Math.round(tuning.pingIntervalMs / 1000),
          backoffMinS: Math.round(tuning.backoff.firstMs / 1000),
          backoffMaxS: Math.round(tuning.backoff.maxMs / 1000),
        },
      }),
    ),
    accepted: () => registered.accepted(),
    trigger: (message) => void afterAnswer('ocpp trigger', () => trigger(message)),
    report: (requestId) => void afterAnswer('ocpp report', () => sendReport(requestId)),
    reset: pendingReset.order,
  }

  function trigger(message: Triggerable) {
    if (message === 'BootNotification') registered.bootAgain()
    if (message === 'Heartbeat') registered.heartbeatNow()
    if (message === 'StatusNotification') live.statusNow()
  }

  function sendReport(requestId: number) {
    const parts = notifyReports({ requestId, at: box.snapshot().at, variables: ports.variables.report() })
    const sent = parts.reduce(async (before, part) => {
      const whole = await before
      return whole && (await link.call('NotifyReport', part)).ok
    }, Promise.resolve(true))
    sent.then(
      (whole) => whole || log.warn({ requestId }, 'a report was not taken whole'),
      (error: unknown) => log.error({ why: String(error) }, 'a report failed'),
    )
  }

  for (const route of ROUTES) {
    // The link checks each request against the action's schema, which is what the route's own type says.
    const handler = ((request: never) => route.run(request, ports)) as Handler<ActionName>
    link.handle(route.name, handler)
  }
  link.onOpen(() => {
    socket++
    registered.opened()
  })
  link.onClose(() => {
    live.forget()
    registered.closed()
  })
  box.csmsState('connecting')
  link.start()

  return {
    stop: async () => {
      endOfWork()
      pendingReset.stop()
      delivery.stop()
      live.stop()
      registered.stop()
      await link.stop()
    },
  }
}

function built(fact: OutboxFact, config: KeeperConfig): { action: ActionName; request: object } {
  return fact.kind === 'transaction'
    ? { action: 'TransactionEvent', request: transactionEvent(fact, config.phasesWired) }
    : { action: 'NotifyEvent', request: faultEvent(fact) }
}

function resetWhenIdle(
  box: Box,
  restart: (() => void) | undefined,
  afterAnswer: (name: string, job: () => void) => unknown,
): { readonly order: Ports['reset']; stop(): void } {
  if (!restart) return { order: null, stop: () => {} }
  let end = () => {}
  return {
    order: (when) => {
      end()
      if (when === 'now') {
        afterAnswer('ocpp reset', restart)
        return
      }
      end = box.onChange((snapshot) => {
        if (snapshot.session !== null) return
        end()
        restart()
      })
    },
    stop: () => end(),
  }
}
